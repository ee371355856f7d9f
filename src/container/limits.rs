//! The cgroup of a container: made before it starts, removed when it has ended.
//!
//! Version 1 gets a group for memory and one for the number of processes, and one for processor time only where that is
//! limited: each more costs time at every start. Version 2 has all of it in one.

use std::path::Path;

use super::Container;
use super::error::{Error, Result, doing};
use super::records::Id;
use super::spec::{CPU_PERIOD, Limits};
use crate::kernel::cgroup::{self, Controller, Group, Hierarchies};
use crate::probe::cgroup::oom_kills;

/// Where the group of a new container would be. Where this user may make none, and no limit was asked for, there is none.
pub fn plan(hierarchies: &Hierarchies, limits: &Limits, name: &str) -> Result<Option<Group>> {
    let asked = [
        (Controller::Memory, limits.memory.is_some()),
        (Controller::Pids, limits.pids.is_some()),
        (Controller::Cpu, limits.cpu_quota.is_some()),
    ];
    let is_welcome = |controller: &Controller| {
        *controller != Controller::Cpu && hierarchies.version(*controller).is_some()
    };
    let wanted = asked.into_iter().filter(|(controller, asked)| *asked || is_welcome(controller));
    let controllers: Vec<Controller> = wanted.map(|(controller, _)| controller).collect();
    if controllers.is_empty() {
        return Ok(None);
    }
    match Group::plan(hierarchies, name, &controllers) {
        Ok(group) => Ok(Some(group)),
        Err(_) if !limits.any() => Ok(None),
        Err(missing) => Err(missing.into()),
    }
}

/// The trees of this machine.
pub fn hierarchies() -> Result<Hierarchies> {
    doing("cannot read /proc/self/mountinfo", Hierarchies::detect())
}

/// What the group of a container is called.
pub fn group_name(id: &Id) -> String {
    format!("glassbox-{}", id.short())
}

/// Make the group, and write the limits into it.
pub fn make(group: &Group, limits: &Limits) -> Result<()> {
    group.create()?;
    if let Some(bytes) = limits.memory {
        group.limit_memory(bytes)?;
    }
    if let Some(count) = limits.pids {
        group.limit_pids(count)?;
    }
    if let Some(quota) = limits.cpu_quota {
        group.limit_cpu(quota, CPU_PERIOD)?;
    }
    Ok(())
}

/// Whether the kernel has killed a process of it for want of memory.
pub fn ran_out_of_memory(container: &Container) -> bool {
    if container.created.spec.limits.memory.is_none() {
        return false;
    }
    let group = Group::of_dirs(&container.created.group);
    oom_kills(&group).is_ok_and(|kills| kills.text != "0")
}

/// What stands still cannot end: let it go on.
pub fn thaw(container: &Container) {
    if let Some(group) = &container.paused_by {
        // A group that is gone holds nobody.
        let _ = cgroup::thaw_dir(group);
    }
}

/// Remove the groups of a container that has ended.
pub fn remove(container: &Container) -> Result<()> {
    let mut groups = container.created.group.iter().chain(&container.paused_by);
    groups.try_for_each(|dir| remove_dir(dir))
}

fn remove_dir(dir: &Path) -> Result<()> {
    match cgroup::remove_dir(dir) {
        Err(error) if error.errno == crate::kernel::Errno::ENOENT => Ok(()),
        removed => removed.map_err(Error::from),
    }
}
