//! What a container is to be. Pure data: it is written into the container's record, and read by whoever joins it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::network::Port;
use super::profile;
use super::storage::Storage;
use crate::kernel::capability::{self, Set};
use crate::kernel::seccomp::Filter;

/// What a container is to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// Its name of the host; the beginning of its number if it is empty.
    pub hostname: String,
    /// What runs in it.
    pub process: Process,
    /// Which network it has.
    pub network: Network,
    /// How much it may use.
    pub limits: Limits,
    /// What is mounted into it, in order.
    pub mounts: Vec<Mount>,
    /// What keeps its files.
    pub storage: Storage,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// What holds it.
    pub security: Security,
    /// Whatever its maker wants to say about it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What ends it, by name; SIGTERM if it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

/// A process in a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=VALUE`, in order.
    pub env: Vec<String>,
    /// Where it starts; `/` if it is empty.
    pub cwd: String,
    /// `name`, `uid`, `name:group` or `uid:gid`; root if it is empty.
    pub user: String,
    /// Whether it has a terminal of its own.
    pub terminal: bool,
    /// Whether a small process 1 of ours reaps orphans and passes signals on to it.
    pub init: bool,
}

/// Which network a container has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Its own, with a loopback interface and nothing else.
    #[default]
    None,
    /// The host's.
    Host,
    /// Its own, connected to one that was made for containers.
    Named(Membership),
}

impl Network {
    /// The ports that are to be reached by ports of the host.
    pub fn ports(&self) -> &[Port] {
        match self {
            Network::Named(wanted) => &wanted.ports,
            Network::None | Network::Host => &[],
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Network::None => "none",
            Network::Host => "host",
            Network::Named(wanted) => &wanted.network,
        }
    }
}

/// What a container wants to be on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Membership {
    /// The name of the network.
    pub network: String,
    /// Its address; the next one that is free without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// What the others call it, besides its own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its ports that are reached by ports of the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// How much a container may use. Without a number there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Microseconds of processor time in each [period](CPU_PERIOD).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<u64>,
    /// Processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

/// The period of quotas of processor time, in microseconds: the kernel's own choice.
pub const CPU_PERIOD: u64 = 100_000;

impl Limits {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// Something that is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// Where, seen from inside.
    pub target: PathBuf,
    /// Whether it can only be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A file or directory of the host.
    Bind(PathBuf),
    /// A file system in memory, with these options.
    Tmpfs(String),
}

/// What holds a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// Capabilities beside docker's fourteen, without `CAP_`; `ALL` for every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    /// Those of them that it does not get.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
}

/// Which system calls a container may make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// Those of the [default profile](profile::DEFAULT).
    #[default]
    Default,
    /// All of them.
    Unconfined,
    /// Those of this profile: the text itself, so that whoever joins the container gets the same.
    Profile(String),
}

impl Security {
    /// The capabilities that it keeps. `ALL` counts before single ones, as docker has it.
    pub fn capabilities(&self) -> Result<Set> {
        let all = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case("all"));
        let mut kept = match (all(&self.cap_add), all(&self.cap_drop)) {
            (true, _) => Set::all(),
            (false, true) => Set::empty(),
            (false, false) => capability::DOCKER_DEFAULT,
        };
        for name in &self.cap_add {
            kept |= named(name)?;
        }
        for name in self.cap_drop.iter().filter(|name| !name.eq_ignore_ascii_case("all")) {
            kept -= named(name)?;
        }
        Ok(kept)
    }

    /// The filter that goes with them, if there is to be one.
    pub fn filter(&self) -> Result<Option<Filter>> {
        let text = match &self.seccomp {
            Seccomp::Default => profile::DEFAULT,
            Seccomp::Unconfined => return Ok(None),
            Seccomp::Profile(text) => text,
        };
        let filter = profile::filter(text, self.capabilities()?);
        filter.map(Some).map_err(|error| {
            let hint = "it is a file of docker's format: https://docs.docker.com/engine/security/seccomp/";
            Error::usage(error.to_string(), hint)
        })
    }
}

fn named(name: &str) -> Result<Set> {
    let upper = name.to_uppercase();
    if upper == "ALL" {
        return Ok(Set::empty());
    }
    Set::from_name(upper.strip_prefix("CAP_").unwrap_or(&upper)).ok_or_else(|| {
        let hint = "capabilities(7) lists them: NET_ADMIN, SYS_PTRACE and so on, or ALL";
        Error::usage(format!("there is no capability {name:?}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_counts_before_single_ones() -> Result<()> {
        let kept = |add: &[&str], drop: &[&str]| {
            let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            Security { cap_add: list(add), cap_drop: list(drop), ..Security::default() }.capabilities()
        };
        assert_eq!(kept(&[], &[])?, capability::DOCKER_DEFAULT);
        assert_eq!(kept(&["chown"], &["ALL"])?, Set::CHOWN);
        assert_eq!(kept(&["ALL"], &["CAP_CHOWN"])?, Set::all() - Set::CHOWN);
        assert_eq!(kept(&["SYS_TIME"], &["KILL"])?, (capability::DOCKER_DEFAULT | Set::SYS_TIME) - Set::KILL);
        assert!(kept(&["FLY"], &[]).is_err());
        Ok(())
    }
}
