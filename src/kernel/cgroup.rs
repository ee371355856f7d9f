//! Control groups: directories of a pseudo file system whose files are the controls.
//!
//! Version 2 has one tree for all controllers; version 1 has a tree for each; a machine can have both
//! ("mixed"). A [`Group`] hides which it is from everybody who only wants a limit, and shows the true
//! directories and file names to everybody who wants to see them.
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::fmt;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{Errno, Result, fs};

mod find;
pub use find::{Hierarchies, Layout, Missing, Place};

/// The controllers that glassbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// How much memory.
    Memory,
    /// How many processes.
    Pids,
    /// How much CPU time.
    Cpu,
}

impl Controller {
    /// Its name in `/proc/cgroups` and `cgroup.controllers`.
    pub fn name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Pids => "pids",
            Controller::Cpu => "cpu",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of the two interfaces a directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A tree for each controller.
    V1,
    /// One tree.
    V2,
}

/// A control file: what it is called in each version, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// The controller that it belongs to.
    pub controller: Controller,
    /// Its name in version 2.
    pub v2: &'static str,
    /// Its name in version 1.
    pub v1: &'static str,
}

const fn control(controller: Controller, v2: &'static str, v1: &'static str) -> Control {
    Control { controller, v2, v1 }
}

/// The hard limit of memory, in bytes.
pub const MEMORY_MAX: Control = control(Controller::Memory, "memory.max", "memory.limit_in_bytes");
/// The memory in use, in bytes.
pub const MEMORY_CURRENT: Control = control(Controller::Memory, "memory.current", "memory.usage_in_bytes");
/// What the memory is used for.
pub const MEMORY_STAT: Control = control(Controller::Memory, "memory.stat", "memory.stat");
/// The most memory that was ever in use; version 2 has it since Linux 5.19.
pub const MEMORY_PEAK: Control = control(Controller::Memory, "memory.peak", "memory.max_usage_in_bytes");
/// A limit that only slows down, or is only aimed at: not the hard one.
pub const MEMORY_SOFT: Control = control(Controller::Memory, "memory.high", "memory.soft_limit_in_bytes");
/// Whether memory may be moved to swap: an amount in version 2, a weight in version 1.
pub const MEMORY_SWAP: Control = control(Controller::Memory, "memory.swap.max", "memory.swappiness");
/// How often the limit was hit (key `max` in version 2, the whole file in version 1).
pub const MEMORY_HITS: Control = control(Controller::Memory, "memory.events", "memory.failcnt");
/// The processes in the group, in the tree that limits memory.
pub const MEMORY_PROCS: Control = control(Controller::Memory, "cgroup.procs", "cgroup.procs");
/// How often the OOM killer struck (key `oom_kill` in both).
pub const MEMORY_KILLS: Control = control(Controller::Memory, "memory.events", "memory.oom_control");
/// How many processes there may be.
pub const PIDS_MAX: Control = control(Controller::Pids, "pids.max", "pids.max");
/// How many processes there are.
pub const PIDS_CURRENT: Control = control(Controller::Pids, "pids.current", "pids.current");

impl Control {
    /// Its name in the given version.
    pub fn name(self, version: Version) -> &'static str {
        match version {
            Version::V1 => self.v1,
            Version::V2 => self.v2,
        }
    }
}

/// A directory of a group, in one hierarchy.
#[derive(Debug, Clone)]
struct Part {
    version: Version,
    dir: PathBuf,
    controllers: Vec<Controller>,
}

/// A control group: one directory under version 2, one for each controller under version 1.
#[derive(Debug, Clone)]
pub struct Group {
    parts: Vec<Part>,
}

impl Group {
    /// Where a group of this name, with these controllers, would be on this machine. Makes nothing yet.
    pub fn plan(
        hierarchies: &Hierarchies,
        name: &str,
        controllers: &[Controller],
    ) -> std::result::Result<Group, Missing> {
        let mut parts: Vec<Part> = vec![];
        for controller in controllers {
            let (version, home) = hierarchies.home(*controller, controllers)?;
            let dir = home.join(name);
            match parts.iter_mut().find(|part| part.dir == dir) {
                Some(part) => part.controllers.push(*controller),
                None => parts.push(Part { version, dir, controllers: vec![*controller] }),
            }
        }
        Ok(Group { parts })
    }

    /// The group that is there already, as far as one controller is concerned.
    pub fn found(place: &Place, controller: Controller) -> Group {
        let Place { version, dir, .. } = place.clone();
        Group { parts: vec![Part { version, dir, controllers: vec![controller] }] }
    }

    /// Its directories.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| part.dir.as_path())
    }

    /// `mkdir(2)`: the kernel fills the new directory with the controls.
    pub fn create(&self) -> Result<()> {
        self.dirs().try_for_each(fs::mkdir)
    }

    /// `rmdir(2)`: succeeds once no process is left in the group.
    pub fn remove(&self) -> Result<()> {
        self.dirs().try_for_each(remove_dir)
    }

    fn part(&self, controller: Controller) -> Result<&Part> {
        let part = self.parts.iter().find(|part| part.controllers.contains(&controller));
        part.ok_or_else(|| super::Error {
            call: "open",
            args: format!("the {controller} controller of this group"),
            errno: Errno::ENOENT,
        })
    }

    /// The interface that a controller of this group has.
    pub fn version(&self, controller: Controller) -> Result<Version> {
        self.part(controller).map(|part| part.version)
    }

    /// Where a control of this group is.
    pub fn path(&self, control: Control) -> Result<PathBuf> {
        let part = self.part(control.controller)?;
        Ok(part.dir.join(control.name(part.version)))
    }

    /// Limit memory to so many bytes, and swap to none: otherwise a process at its limit would not be
    /// stopped but swapped out.
    pub fn limit_memory(&self, bytes: u64) -> Result<()> {
        fs::write(self.path(MEMORY_MAX)?, bytes.to_string())?;
        // A kernel without swap does not have the file.
        let swap = self.path(MEMORY_SWAP)?;
        if swap.exists() { fs::write(swap, "0") } else { Ok(()) }
    }

    /// Limit the number of processes.
    pub fn limit_pids(&self, count: u64) -> Result<()> {
        fs::write(self.path(PIDS_MAX)?, count.to_string())
    }

    /// The directory to start a child in with `CLONE_INTO_CGROUP`, where version 2 serves every controller.
    pub fn clone_target(&self) -> Result<Option<OwnedFd>> {
        let [Part { version: Version::V2, dir, .. }] = self.parts.as_slice() else { return Ok(None) };
        let opened = File::open(dir).map_err(|failed| super::Error {
            call: "open",
            args: dir.display().to_string(),
            errno: super::error::io_errno(&failed),
        })?;
        Ok(Some(opened.into()))
    }

    /// Move the caller, which must have a single thread, into the group.
    ///
    /// Version 1 has two files for it. `cgroup.procs` waits until every CPU has passed a grace period,
    /// 6 to 16 ms; `tasks` moves one thread in 0.03 ms.
    pub fn join(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| {
            let file = match part.version {
                Version::V1 => "tasks",
                Version::V2 => "cgroup.procs",
            };
            fs::write(part.dir.join(file), "0")
        })
    }
}

/// Remove one cgroup directory; a process that has just died can keep it busy for a moment.
pub fn remove_dir(dir: &Path) -> Result<()> {
    const PATIENCE: u32 = 400;
    for _ in 0..PATIENCE {
        match std::fs::remove_dir(dir) {
            Err(failed) if super::error::io_errno(&failed) == Errno::EBUSY => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            result => return fs::removed("rmdir", dir, result),
        }
    }
    fs::rmdir(dir)
}
