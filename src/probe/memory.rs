//! The memory of the machine.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::cgroup::{control, hierarchies};
use super::{Reading, Result, keyed};
use crate::kernel::cgroup::{Controller, Group, MEMORY_CURRENT, MEMORY_MAX};

/// How much memory the machine says it has: what `free` shows as its total.
/// <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
pub fn total() -> Result<Reading> {
    let text = keyed(Path::new("/proc/meminfo"), "MemTotal")?;
    Ok(Reading::new("MemTotal", "/proc/meminfo MemTotal", text).varying())
}

/// How much memory new programs can get without anybody having to be moved out.
/// <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
pub fn available() -> Result<Reading> {
    let text = keyed(Path::new("/proc/meminfo"), "MemAvailable")?;
    Ok(Reading::new("MemAvailable", "/proc/meminfo MemAvailable", text).varying())
}

/// How much memory a process takes: its own pages, and of those that others use too its share.
/// <https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html>
pub fn proportional(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/smaps_rollup"));
    let text = keyed(&path, "Pss")?;
    Ok(Reading::new("Pss", format!("{} Pss", path.display()), text).varying())
}

/// How many bytes may still be used: what the machine has left, or less where a cgroup of this process, or one
/// above it, is nearer to its limit.
pub fn left() -> Result<u64> {
    let available = keyed(Path::new("/proc/meminfo"), "MemAvailable")?;
    let kibibytes = available.split(' ').next().and_then(|number| number.parse::<u64>().ok());
    let own = super::file("/proc/self/cgroup")?.text;
    let groups = hierarchies().map(|trees| trees.memberships(&own)).unwrap_or_default();
    let groups =
        groups.iter().filter(|group| group.serves(Controller::Memory)).flat_map(|group| &group.groups);
    let number = |group: &Group, which| control(group, which).ok()?.text.parse::<u64>().ok();
    let room =
        |group: Group| Some(number(&group, MEMORY_MAX)?.saturating_sub(number(&group, MEMORY_CURRENT)?));
    let rooms = groups.filter_map(|place| room(Group::found(place, Controller::Memory)));
    Ok(rooms.chain(kibibytes.map(|number| number * 1024)).min().unwrap_or(0))
}
