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
use crate::kernel::{Errno, Pid, fs};
use crate::probe::cgroup::{oom_kills, processes};
use crate::trace::GROUP_STEM;

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
    let is_plain = |stem: &String| stem.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-');
    let stem = std::env::var(GROUP_STEM).ok().filter(is_plain);
    format!("{}-{}", stem.as_deref().unwrap_or("glassbox"), id.short())
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

/// The group that can make a container stand still. Version 1 has a tree for that, in which it gets one only now.
pub fn freezer(container: &Container) -> Result<Group> {
    let own = Group::of_dirs(&container.created.group);
    if own.version(Controller::Freezer).is_ok() {
        return Ok(own);
    }
    let name = group_name(&container.id);
    Ok(Group::plan(&hierarchies()?, &name, &[Controller::Freezer])?)
}

/// Stop everything in it.
pub fn freeze(container: &Container, freezer: &Group) -> Result<()> {
    for dir in freezer.dirs().filter(|dir| !container.created.group.iter().any(|own| own == dir)) {
        match fs::mkdir(dir) {
            Err(error) if error.errno == Errno::EEXIST => {}
            made => made?,
        }
        // Again until nobody is new: what they start meanwhile is where they were.
        while gather(container, freezer, dir)? {}
    }
    Ok(freezer.freeze(true)?)
}

/// Bring the processes of a container into the group; whether somebody was not in it yet.
fn gather(container: &Container, freezer: &Group, dir: &Path) -> Result<bool> {
    let inside = processes(dir).unwrap_or_default();
    let all = container.created.group.iter().find_map(|dir| processes(dir).ok()).unwrap_or_default();
    let all = if all.is_empty() { container.init.iter().map(|(init, _)| init.pid).collect() } else { all };
    let mut any = false;
    for pid in all.into_iter().filter(|pid| !inside.contains(pid)) {
        match freezer.add(Pid::from_raw(pid)) {
            // It has ended meanwhile.
            Err(error) if error.errno == Errno::ESRCH => {}
            added => {
                added?;
                any = true;
            }
        }
    }
    Ok(any)
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
    let mut groups = container.created.group.iter().chain(&container.freezer);
    groups.try_for_each(|dir| remove_dir(dir))
}

fn remove_dir(dir: &Path) -> Result<()> {
    match cgroup::remove_dir(dir) {
        Err(error) if error.errno == Errno::ENOENT => Ok(()),
        removed => removed.map_err(Error::from),
    }
}
