//! How much a container uses now.

use super::Container;
use super::error::Result;
use crate::kernel::cgroup::{Group, MEMORY_CURRENT, MEMORY_MAX, PIDS_CURRENT};
use crate::probe;

/// How much a container uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory, with what its files have in the page cache.
    pub memory: Option<u64>,
    /// The most that it may use; none if that is as much as there is.
    pub memory_limit: Option<u64>,
    /// Processes.
    pub pids: Option<u64>,
    /// Processor time until now, in clock ticks.
    pub ticks: u64,
}

/// Read it from the files of its cgroup, and its processor time from those of its processes: in version 1 that is counted
/// by a controller of its own, which would cost time at every start.
pub fn of(container: &Container) -> Result<Usage> {
    let group = Group::of_dirs(&container.created.group);
    let number =
        |control| probe::cgroup::control(&group, control).ok().and_then(|read| read.text.parse().ok());
    // Without a limit version 2 says `max`, and version 1 a number larger than any memory.
    let limit = number(MEMORY_MAX).filter(|limit: &u64| *limit < 1 << 60);
    let processes = container.created.group.iter().find_map(|dir| probe::cgroup::processes(dir).ok());
    let ticks = |pid: i32| probe::process::cpu_time(pid).ok().and_then(|read| read.text.parse::<u64>().ok());
    Ok(Usage {
        memory: number(MEMORY_CURRENT),
        memory_limit: limit,
        pids: number(PIDS_CURRENT),
        ticks: processes.into_iter().flatten().filter_map(ticks).sum(),
    })
}
