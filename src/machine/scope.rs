//! A better place for cgroups than the one that this session is in.
//!
//! After a login with ssh or at a console a process is in a cgroup that root owns. Beside it runs the user's own
//! service manager, in a cgroup that was handed on to it, and it makes a scope there for whoever asks.

use std::path::PathBuf;

use super::refusal::{Refusal, explain};
use crate::kernel::cgroup::{Controller, Group, Missing, Version};
use crate::probe::cgroup::hierarchies;
use crate::probe::{around, programs, systemd};

/// How to get to a better place.
pub struct Way {
    /// The program that asks for it.
    pub systemd_run: PathBuf,
    /// The runtime directory, in which the service manager listens.
    pub runtime: PathBuf,
    /// The group that it leads away from.
    pub from: PathBuf,
}

/// The way, if one of these controllers cannot be used here, and this user's service manager has it.
pub fn better_place(controllers: &[Controller]) -> Option<Way> {
    let trees = hierarchies().ok()?;
    let left = |controller: &Controller| match Group::plan(&trees, "glassbox", &[*controller]) {
        Err(Missing::NotDelegated { version: Version::V2, mount, below, .. }) => {
            systemd::manager_has(&mount, controller.name()).then_some(below)
        }
        _ => None,
    };
    let from = controllers.iter().find_map(left).filter(|_| !around::is_root())?;
    Some(Way { systemd_run: programs::find("systemd-run")?, runtime: systemd::manager()?, from })
}

/// Make room for groups in the scope that this process alone is in.
pub fn make_room() -> Result<(), Refusal> {
    let trees = hierarchies().map_err(|unreadable| explain(&unreadable))?;
    trees.make_room().map_err(|error| explain(&error))
}
