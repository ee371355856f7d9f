//! The controls, each under both of its names.

use super::{Controller, Version};

/// A control: a file of a group's directory, or one of the values in such a file.
///
/// Whatever shows one shows its true name on this machine, with the other one beside it: a
/// [reading](crate::probe::cgroup::control) brings [`elsewhere`](Control::elsewhere) along into every table of
/// kernel state, and sentences are made with [`named`](Control::named).
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// The controller that it belongs to.
    pub controller: Controller,
    /// `file` or `file key`.
    v2: &'static str,
    v1: &'static str,
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
/// Bytes of page cache, which can be given back at any time.
pub const MEMORY_CACHE: Control = control(Controller::Memory, "memory.stat file", "memory.stat cache");
/// Bytes that are the processes' own ("anonymous").
pub const MEMORY_ANON: Control = control(Controller::Memory, "memory.stat anon", "memory.stat rss");
/// The most memory that was ever in use; version 2 has it since Linux 5.19.
pub const MEMORY_PEAK: Control = control(Controller::Memory, "memory.peak", "memory.max_usage_in_bytes");
/// A limit that only slows down, or is only aimed at: not the hard one.
pub const MEMORY_SOFT: Control = control(Controller::Memory, "memory.high", "memory.soft_limit_in_bytes");
/// Whether memory may be moved to swap: an amount in version 2, a weight in version 1.
pub const MEMORY_SWAP: Control = control(Controller::Memory, "memory.swap.max", "memory.swappiness");
/// How often the limit was hit.
pub const MEMORY_HITS: Control = control(Controller::Memory, "memory.events max", "memory.failcnt");
/// How often the OOM killer struck.
pub const MEMORY_KILLS: Control =
    control(Controller::Memory, "memory.events oom_kill", "memory.oom_control oom_kill");
/// The processes in the group, in the tree that limits memory.
pub const MEMORY_PROCS: Control = control(Controller::Memory, "cgroup.procs", "cgroup.procs");
/// How many processes there may be.
pub const PIDS_MAX: Control = control(Controller::Pids, "pids.max", "pids.max");
/// How many processes there are.
pub const PIDS_CURRENT: Control = control(Controller::Pids, "pids.current", "pids.current");
/// How often a process was refused because of the limit.
pub const PIDS_EVENTS: Control = control(Controller::Pids, "pids.events max", "pids.events max");
/// The processes in the group, in the tree that limits their number.
pub const PIDS_PROCS: Control = control(Controller::Pids, "cgroup.procs", "cgroup.procs");
/// What is written to, to freeze and to thaw.
pub const FREEZER_SWITCH: Control = control(Controller::Freezer, "cgroup.freeze", "freezer.state");
/// Whether everything in the group stands still.
pub const FREEZER_STATE: Control = control(Controller::Freezer, "cgroup.events frozen", "freezer.state");
/// Whether this group itself was told to stand still, whatever the groups above it do: `1` or `0`.
pub const FREEZER_ASKED: Control = control(Controller::Freezer, "cgroup.freeze", "freezer.self_freezing");
/// The processes in the group, in the tree that can freeze them.
pub const FREEZER_PROCS: Control = control(Controller::Freezer, "cgroup.procs", "cgroup.procs");
/// How much CPU time there may be in a period: with the period in version 2, without it in version 1.
pub const CPU_MAX: Control = control(Controller::Cpu, "cpu.max", "cpu.cfs_quota_us");
/// The period, which is the second number in version 2.
pub const CPU_PERIOD: Control = control(Controller::Cpu, "cpu.max", "cpu.cfs_period_us");
/// The share of the CPU time among the groups of one parent when there is not enough: 100 or 1024 unless set.
pub const CPU_WEIGHT: Control = control(Controller::Cpu, "cpu.weight", "cpu.shares");
/// The CPU time that was used: microseconds in version 2, nanoseconds in version 1.
pub const CPU_USAGE: Control = control(Controller::Cpuacct, "cpu.stat usage_usec", "cpuacct.usage");
/// How many periods there were in which somebody wanted to run.
pub const CPU_PERIODS: Control = control(Controller::Cpu, "cpu.stat nr_periods", "cpu.stat nr_periods");
/// In how many of them the quota was used up.
pub const CPU_THROTTLED: Control = control(Controller::Cpu, "cpu.stat nr_throttled", "cpu.stat nr_throttled");
/// For how long the group stood still because of that: microseconds in version 2, nanoseconds in version 1.
pub const CPU_STALLED: Control =
    control(Controller::Cpu, "cpu.stat throttled_usec", "cpu.stat throttled_time");
/// The processes in the group, in the tree that limits CPU time.
pub const CPU_PROCS: Control = control(Controller::Cpu, "cgroup.procs", "cgroup.procs");
/// How many bytes may be written to a device in a second. A line for each device: see
/// [`of_device`](crate::probe::cgroup::of_device).
pub const IO_WRITE_MAX: Control = control(Controller::Io, "io.max wbps", "blkio.throttle.write_bps_device");
/// The same for reading.
pub const IO_READ_MAX: Control = control(Controller::Io, "io.max rbps", "blkio.throttle.read_bps_device");
/// How many bytes were written to a device.
pub const IO_WRITTEN: Control =
    control(Controller::Io, "io.stat wbytes", "blkio.throttle.io_service_bytes Write");
/// The processes in the group, in the tree that limits input and output.
pub const IO_PROCS: Control = control(Controller::Io, "cgroup.procs", "cgroup.procs");
/// Whether a limit holds for the groups below, too. Version 1 had this choice before Linux 5.11; without the file
/// it does.
pub const MEMORY_HIERARCHY: Control =
    control(Controller::Memory, "memory.use_hierarchy", "memory.use_hierarchy");

impl Control {
    /// Its name in the given version: the file, and behind a blank the key of the value in it.
    pub fn name(self, version: Version) -> &'static str {
        match version {
            Version::V1 => self.v1,
            Version::V2 => self.v2,
        }
    }

    /// The file that it is, or is in.
    pub fn file(self, version: Version) -> &'static str {
        let name = self.name(version);
        name.split_once(' ').map_or(name, |(file, _)| file)
    }

    /// The key of the value in the file; none when the file holds nothing else.
    pub fn key(self, version: Version) -> Option<&'static str> {
        self.name(version).split_once(' ').map(|(_, key)| key)
    }

    /// What the other version calls it, unless both have one name: `version 1: memory.limit_in_bytes`.
    pub fn elsewhere(self, version: Version) -> Option<String> {
        let other = version.other();
        (self.name(other) != self.name(version)).then(|| format!("{other}: {}", self.name(other)))
    }

    /// In a sentence: `memory.max (version 1: memory.limit_in_bytes)`.
    pub fn named(self, version: Version) -> String {
        let beside = self.elsewhere(version).map_or(String::new(), |name| format!(" ({name})"));
        format!("{}{beside}", self.name(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_shown_with_its_other_name_where_it_has_one() {
        assert_eq!(MEMORY_MAX.named(Version::V2), "memory.max (version 1: memory.limit_in_bytes)");
        assert_eq!(MEMORY_MAX.named(Version::V1), "memory.limit_in_bytes (version 2: memory.max)");
        assert_eq!(PIDS_MAX.named(Version::V2), "pids.max");
        assert_eq!(PIDS_MAX.elsewhere(Version::V1), None);
    }

    #[test]
    fn a_name_is_a_file_and_perhaps_a_key() {
        let parts = |control: Control, version| (control.file(version), control.key(version));
        assert_eq!(parts(MEMORY_HITS, Version::V2), ("memory.events", Some("max")));
        assert_eq!(parts(MEMORY_HITS, Version::V1), ("memory.failcnt", None));
    }
}
