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

use super::{Errno, Pid, Result, fs};

mod control;
mod find;
pub use control::*;
mod member;
pub use find::{Hierarchies, Layout, Missing, Place};
pub use member::Membership;

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
    /// How much CPU time was used. In version 2 every group counts it, and no controller is needed.
    Cpuacct,
    /// Whether its processes run at all. In version 2 every group can do that, and no controller is needed.
    Freezer,
    /// How much is read from devices and written to them.
    Io,
}

impl Controller {
    /// Every one of them.
    pub const ALL: [Controller; 3] = [Controller::Memory, Controller::Pids, Controller::Cpu];

    /// Those that version 1 has, and that are in version 2 a part of every group.
    pub const IN_EVERY_GROUP: [Controller; 2] = [Controller::Cpuacct, Controller::Freezer];

    /// Its name in `cgroup.controllers`.
    pub fn name(self) -> &'static str {
        self.name_in(Version::V2)
    }

    /// Its name in a tree of this version. `/proc/cgroups` has those of version 1.
    pub fn name_in(self, version: Version) -> &'static str {
        match (self, version) {
            (Controller::Memory, _) => "memory",
            (Controller::Pids, _) => "pids",
            (Controller::Cpu, _) => "cpu",
            (Controller::Cpuacct, _) => "cpuacct",
            (Controller::Freezer, _) => "freezer",
            (Controller::Io, Version::V1) => "blkio",
            (Controller::Io, Version::V2) => "io",
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

impl Version {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Version::V1 => Version::V2,
            Version::V2 => Version::V1,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Version::V1 => "version 1",
            Version::V2 => "version 2",
        })
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

    /// A group that was made earlier, by its directories. What a directory controls shows in its files.
    pub fn of_dirs<'a>(dirs: impl IntoIterator<Item = &'a PathBuf>) -> Group {
        let part = |dir: &PathBuf| {
            let version = if dir.join("cgroup.controllers").exists() { Version::V2 } else { Version::V1 };
            let signs = [MEMORY_MAX, PIDS_MAX, CPU_MAX, CPU_USAGE, FREEZER_SWITCH];
            let controllers = signs.iter().filter(|sign| dir.join(sign.file(version)).exists());
            let controllers = controllers.map(|sign| sign.controller).collect();
            Part { version, dir: dir.clone(), controllers }
        };
        Group { parts: dirs.into_iter().map(part).collect() }
    }

    /// A group inside of this one, with the same controllers as far as they are handed on.
    pub fn below(&self, name: &str) -> Group {
        let below = |part: &Part| Part { dir: part.dir.join(name), ..part.clone() };
        Group { parts: self.parts.iter().map(below).collect() }
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

    /// The file in which a control of this group is.
    pub fn path(&self, control: Control) -> Result<PathBuf> {
        let part = self.part(control.controller)?;
        Ok(part.dir.join(control.file(part.version)))
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

    /// Limit CPU time to a quota in each period, both in microseconds.
    pub fn limit_cpu(&self, quota: u64, period: u64) -> Result<()> {
        let file = self.path(CPU_MAX)?;
        if self.version(Controller::Cpu)? == Version::V2 {
            return fs::write(file, format!("{quota} {period}"));
        }
        let mut writes = [(file, quota), (self.path(CPU_PERIOD)?, period)];
        // In between the share must not be more than before and after: a parent might not allow it.
        let before = std::fs::read_to_string(&writes[1].0).ok();
        if before.and_then(|text| text.trim().parse().ok()).is_some_and(|before: u64| before < period) {
            writes.reverse();
        }
        writes.into_iter().try_for_each(|(file, number)| fs::write(file, number.to_string()))
    }

    /// Give it a weight when there is not enough CPU time: so many percent of what every group begins with.
    pub fn weigh_cpu(&self, percent: u64) -> Result<()> {
        let weight = match self.version(Controller::Cpu)? {
            Version::V1 => percent * 1024 / 100,
            Version::V2 => percent,
        };
        fs::write(self.path(CPU_WEIGHT)?, weight.to_string())
    }

    /// Limit what is done with one block device, named by its number, such as `7:0`.
    pub fn limit_device(&self, control: Control, device: &str, bytes: u64) -> Result<()> {
        let key = control.key(self.version(control.controller)?);
        let key = key.map_or(String::new(), |key| format!("{key}="));
        fs::write(self.path(control)?, format!("{device} {key}{bytes}"))
    }

    /// Whether a group at this place has a control. That shows in the groups around it: as long as there are none,
    /// nothing speaks against it.
    pub fn may_have(&self, control: Control) -> Result<bool> {
        let part = self.part(control.controller)?;
        let has = |dir: &Path| dir.join(control.file(part.version)).exists();
        let home = part.dir.parent().unwrap_or(&part.dir);
        let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let groups: Vec<PathBuf> = groups.map(|entry| entry.path()).collect();
        Ok(has(home) || groups.is_empty() || groups.iter().any(|dir| has(dir)))
    }

    /// Version 2: let the groups below have the controls of `controller`, too.
    pub fn hand_on(&self, controller: Controller) -> Result<()> {
        let file = self.part(controller)?.dir.join("cgroup.subtree_control");
        fs::write(file, format!("+{controller}"))
    }

    /// Stop everything in the group and below it, or let it go on. The kernel takes its time to stop it all.
    pub fn freeze(&self, freeze: bool) -> Result<()> {
        let text = match (self.version(Controller::Freezer)?, freeze) {
            (Version::V2, true) => "1",
            (Version::V2, false) => "0",
            (Version::V1, true) => "FROZEN",
            (Version::V1, false) => "THAWED",
        };
        fs::write(self.path(FREEZER_SWITCH)?, text)
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

    /// Move a process into the group, and so out of the one in which it is.
    pub fn add(&self, pid: Pid) -> Result<()> {
        self.dirs().try_for_each(|dir| fs::write(dir.join("cgroup.procs"), pid.to_string()))
    }

    /// Move the caller, which must have a single thread, into the group.
    ///
    /// Version 1 has two files for it. `cgroup.procs` waits until every CPU has passed a grace period,
    /// 6 to 16 ms; `tasks` moves one thread in 0.03 ms.
    pub fn join(&self) -> Result<()> {
        self.enter("0")
    }

    /// Move a process, which must have a single thread, into the group.
    pub fn put(&self, pid: super::Pid) -> Result<()> {
        self.enter(&pid.to_string())
    }

    fn enter(&self, who: &str) -> Result<()> {
        self.parts.iter().try_for_each(|part| {
            let file = match part.version {
                Version::V1 => "tasks",
                Version::V2 => "cgroup.procs",
            };
            fs::write(part.dir.join(file), who)
        })
    }
}

/// Let what is in a cgroup directory go on, if it is frozen: in version 1 frozen processes cannot even be killed.
pub fn thaw_dir(dir: &Path) -> Result<()> {
    let switches = [(Version::V2, "0"), (Version::V1, "THAWED")];
    let switches = switches.map(|(version, text)| (dir.join(FREEZER_SWITCH.file(version)), text));
    let switch = switches.into_iter().find(|(file, _)| file.exists());
    switch.map_or(Ok(()), |(file, text)| fs::write(file, text))
}

/// Take the limits of input and output off a cgroup directory: what waits there for its turn at a device cannot be
/// killed until it has had it.
pub fn unthrottle_dir(dir: &Path) -> Result<()> {
    const V1: [&str; 4] = ["read_bps", "read_iops", "write_bps", "write_iops"];
    let v1 = V1.map(|what| (format!("blkio.throttle.{what}_device"), "0"));
    let v2 = (IO_WRITE_MAX.file(Version::V2).to_string(), "rbps=max wbps=max riops=max wiops=max");
    for (file, unlimited) in v1.into_iter().chain([v2]) {
        let file = dir.join(file);
        let limits = std::fs::read_to_string(&file).unwrap_or_default();
        let mut devices = limits.lines().filter_map(|line| line.split(' ').next());
        devices.try_for_each(|device| fs::write(&file, format!("{device} {unlimited}")))?;
    }
    Ok(())
}

/// Remove one cgroup directory; a process that has just died can keep it busy for a moment.
pub fn remove_dir(dir: &Path) -> Result<()> {
    const PATIENCE: u32 = 2000;
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
