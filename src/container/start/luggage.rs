//! What a container takes along from the host: mounts that are copied while paths still lead there, and put in place
//! when no path does any more.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::Plan;
use crate::container::devices::DEVICES;
use crate::container::error::Result;
use crate::container::spec::{Mount, MountKind, Network};
use crate::kernel::cgroup::{Group, Layout};
use crate::kernel::mount::open_tree;

/// Mounts that are mounted nowhere.
#[derive(Debug, Default)]
pub(super) struct Luggage {
    /// Devices, where the container may not make its own.
    pub(super) devices: Vec<(&'static str, OwnedFd)>,
    /// The host's `/sys`, where it may not have one of its own.
    pub(super) sys: Option<OwnedFd>,
    /// Its own control groups, each by the name of its tree.
    pub(super) groups: Vec<(PathBuf, OwnedFd)>,
    /// The names of those who are on its network.
    pub(super) hosts: Option<OwnedFd>,
    /// What is to be bound, in the order of the mounts.
    pub(super) volumes: Vec<Option<OwnedFd>>,
}

/// Where the trees of version 1 are mounted, here and everywhere.
pub(super) const GROUPS: &str = "/sys/fs/cgroup";

impl Luggage {
    /// To be called in the container's own mount namespace.
    pub(super) fn pack(plan: &Plan) -> Result<Self> {
        let mut luggage = Self::default();
        // In a user namespace, whoever has made it.
        if plan.users.is_rootless() {
            for (name, ..) in DEVICES {
                luggage.devices.push((name, open_tree(Path::new("/dev").join(name), false)?));
            }
            if plan.spec.network == Network::Host {
                luggage.sys = Some(open_tree("/sys", true)?);
            }
        }
        if matches!(plan.layout, Layout::V1 | Layout::Mixed) {
            for dir in plan.group.iter().flat_map(Group::dirs) {
                let tree = dir.strip_prefix(GROUPS).ok().and_then(|below| below.components().next());
                if let Some(tree) = tree {
                    luggage.groups.push((Path::new(GROUPS).join(tree), open_tree(dir, false)?));
                }
            }
        }
        if let Some(endpoint) = &plan.endpoint {
            luggage.hosts = Some(open_tree(endpoint.hosts(), false)?);
        }
        for Mount { kind, .. } in &plan.spec.mounts {
            luggage.volumes.push(match kind {
                MountKind::Bind(source) => Some(open_tree(source, true)?),
                MountKind::Tmpfs(_) => None,
            });
        }
        Ok(luggage)
    }
}
