//! The configuration of an image, as other tools write it.
//! <https://github.com/opencontainers/image-spec/blob/main/config.md>

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// What is known of an image besides its files. What other tools put in beside these fields is not kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// When it was made, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// For which processor, by Go's name of it.
    pub architecture: String,
    /// For which system: `linux`.
    pub os: String,
    /// How a container of it starts.
    #[serde(default, deserialize_with = "or_nothing")]
    pub config: Execution,
    /// Its layers.
    pub rootfs: RootFs,
    /// What each layer came from, the oldest first; some entries have no layer.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

/// How a container starts, unless its maker says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// `name`, `uid`, `name:group` or `uid:gid`; root if it is empty.
    #[serde(deserialize_with = "or_nothing", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports that it listens on, such as `80/tcp`. The values are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    /// `NAME=VALUE`, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// The program, which arguments of the command line do not replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments of it, or the program if there is no entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Directories for data that outlives a container. The values are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeMap<String, serde_json::Value>>,
    /// Where the program starts.
    #[serde(deserialize_with = "or_nothing", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Whatever its maker wants to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// What ends it, by name or number; SIGTERM if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// Which layers make its root file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the layers' tar archives before compression, the lowest first.
    #[serde(deserialize_with = "or_nothing")]
    pub diff_ids: Vec<String>,
}

/// Programs in Go write `null` for what is empty.
pub(super) fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    source: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

/// What a layer came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, as RFC 3339 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whatever else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it changed no file, and so has no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}
