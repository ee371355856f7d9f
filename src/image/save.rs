//! Images become an archive for other engines. The same images give the same bytes.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::codec::decoder;
use super::error::{Error, Result};
use super::manifest::{self, Index, LAYOUT};
use super::store::{Image, Store};
use super::tar::{Entry, Kind, Writer};
use super::{Digest, Reference};

/// What an archive is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An OCI layout; layers are as they came. Beside its index it has docker's, as `docker save` writes both.
    Oci,
    /// What `docker save` has always written; layers are not compressed.
    Docker,
}

/// Write images to `target`, each under these names.
pub fn save<W: Write>(
    store: &Store,
    images: &[(Image, Vec<Reference>)],
    format: Format,
    target: W,
) -> Result<W> {
    let mut archive = Writer::new(target);
    match format {
        Format::Oci => oci(store, images, &mut archive)?,
        Format::Docker => docker(store, images, &mut archive)?,
    }
    archive.finish()
}

/// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
fn oci(store: &Store, images: &[(Image, Vec<Reference>)], archive: &mut Writer<impl Write>) -> Result<()> {
    let mut entries = vec![];
    let mut blobs: BTreeMap<&Digest, u64> = BTreeMap::new();
    for (image, names) in images {
        let parts = image.blobs().iter().chain([image.manifest(), image.config_blob()]);
        blobs.extend(parts.map(|part| (&part.digest, part.size)));
        if names.is_empty() {
            entries.push(image.manifest().clone());
        }
        entries.extend(names.iter().map(|name| image.manifest().named(Some(name))));
    }
    directory(archive, "blobs/")?;
    directory(archive, "blobs/sha256/")?;
    for (digest, size) in blobs {
        archive.file_from(&format!("blobs/sha256/{}", digest.hex()), size, &mut store.open_blob(digest)?)?;
    }
    archive.file("index.json", &manifest::write(&Index::new(entries))?)?;
    // Beside it what older engines look for, with the same files.
    let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let beside: Vec<DockerEntry> = images
        .iter()
        .map(|(image, names)| DockerEntry {
            config: blob(&image.id),
            repo_tags: names.iter().map(Reference::full).collect(),
            layers: image.blobs().iter().map(|part| blob(&part.digest)).collect(),
        })
        .collect();
    archive.file("manifest.json", &manifest::write(&beside)?)?;
    archive.file("oci-layout", LAYOUT.as_bytes())
}

/// An image in `manifest.json`.
/// <https://github.com/moby/moby/blob/master/image/spec/v1.2.md>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

fn docker(store: &Store, images: &[(Image, Vec<Reference>)], archive: &mut Writer<impl Write>) -> Result<()> {
    let mut entries = vec![];
    let (mut layers, mut configs) = (BTreeMap::new(), BTreeMap::new());
    for (image, names) in images {
        let config = format!("{}.json", image.id.hex());
        configs.insert(config.clone(), image.config_blob());
        let file = |diff_id: &Digest| format!("{}.tar", diff_id.hex());
        for (layer, blob) in image.layers.iter().zip(image.blobs()) {
            layers.insert(file(&layer.diff_id), (layer, blob));
        }
        entries.push(DockerEntry {
            config,
            repo_tags: names.iter().map(Reference::full).collect(),
            layers: image.layers.iter().map(|layer| file(&layer.diff_id)).collect(),
        });
    }
    for (name, (layer, blob)) in layers {
        let mut content = decoder(store.open_blob(&blob.digest)?)?;
        archive.file_from(&name, layer.archive, &mut content)?;
    }
    for (name, blob) in configs {
        archive.file_from(&name, blob.size, &mut store.open_blob(&blob.digest)?)?;
    }
    archive.file("manifest.json", &manifest::write(&entries)?)
}

fn directory(archive: &mut Writer<impl Write>, path: &str) -> Result<()> {
    let path = path.into();
    let (link, attributes) = (vec![], vec![]);
    let kind = Kind::Directory;
    let entry = Entry { path, link, kind, mode: 0o755, uid: 0, gid: 0, changed: (0, 0), size: 0, attributes };
    archive.entry(&entry).map(drop)
}

/// What names mean, an image each: those named twice come once, with both names.
pub fn choose(store: &Store, given: &[String]) -> Result<Vec<(Image, Vec<Reference>)>> {
    let mut chosen: Vec<(Image, Vec<Reference>)> = vec![];
    for given in given {
        let image = store.image(given)?;
        let meant = Reference::parse(given).ok();
        let name = meant.and_then(|meant| image.name(&meant).cloned());
        match chosen.iter_mut().find(|(other, _)| other.id == image.id) {
            Some((_, names)) => names.extend(name),
            None => chosen.push((image, name.into_iter().collect())),
        }
    }
    if chosen.is_empty() { Err(Error::Unknown(String::new())) } else { Ok(chosen) }
}
