//! The JSON of an image besides its configuration: index, manifest, and the descriptors in them.
//! <https://github.com/opencontainers/image-spec/blob/main/manifest.md>

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::config::or_nothing;
use super::digest::Digest;
use super::error::{Error, Result};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The same by docker, which had them first.
pub(super) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The whole name of an image, in an index; containerd's and docker's.
pub(super) const FULL_NAME: &str = "io.containerd.image.name";
/// Its tag there, or its name.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The file that says that a directory is an OCI layout.
pub(super) const LAYOUT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";

/// The longest JSON file that is read: those of images have some kilobytes.
pub(super) const LONGEST: u64 = 8 << 20;

/// Content somewhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
}

/// What an image is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) os: String,
}

impl Descriptor {
    /// Of this content.
    pub(super) fn of(media_type: &str, content: &[u8]) -> Self {
        let (digest, size) = (Digest::of(content), content.len() as u64);
        Self { media_type: media_type.into(), digest, size, annotations: None, platform: None }
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The same content under this name.
    pub(super) fn named(&self, name: Option<&super::Reference>) -> Self {
        let annotations = name.map(|name| {
            BTreeMap::from([(FULL_NAME.into(), name.full()), (REF_NAME.into(), name.tag().into())])
        });
        Self { annotations, ..self.clone() }
    }

    pub(super) fn is_index(&self) -> bool {
        [INDEX, DOCKER_INDEX].contains(&self.media_type.as_str())
    }
}

/// A list of images.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) manifests: Vec<Descriptor>,
}

impl Index {
    pub(super) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.into(), manifests }
    }
}

/// What an image is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) layers: Vec<Descriptor>,
}

impl Manifest {
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: MANIFEST.into(), config, layers }
    }
}

/// Understand JSON; `what` is it.
pub(super) fn parse<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|error| Error::Damaged(format!("{what} cannot be understood: {error}")))
}

/// Write JSON, always the same for the same content.
pub(super) fn write<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Damaged(format!("its JSON cannot be written: {error}")))
}
