//! A control group, as its files show it. Each reading names the true file of this machine's layout.

use std::path::Path;
use std::time::Duration;

use super::{Reading, Result, Unreadable, keyed, text, unreadable};
use crate::kernel;
use crate::kernel::cgroup::{
    CPU_MAX, CPU_PERIOD, CPU_PERIODS, CPU_STALLED, CPU_THROTTLED, CPU_USAGE, Control, Controller,
    FREEZER_STATE, Group, Hierarchies, IO_WRITTEN, MEMORY_ANON, MEMORY_CACHE, MEMORY_CURRENT, MEMORY_HITS,
    MEMORY_KILLS, PIDS_EVENTS, Version,
};

/// The trees of this machine.
pub fn hierarchies() -> Result<Hierarchies> {
    Hierarchies::detect().map_err(|error| unreadable(Path::new("/proc/self/mountinfo"), error))
}

/// The group of this name that is there, wherever it was made: another terminal's place may be another one.
pub fn named(name: &str, controller: Controller) -> Result<Option<Group>> {
    let places = hierarchies()?.places();
    let place = places.iter().find(|place| place.name() == name && place.serves(controller));
    Ok(place.map(|place| Group::found(place, controller)))
}

fn missing(error: kernel::Error) -> Unreadable {
    unreadable(Path::new(&error.args), error.errno.desc())
}

/// What a control says.
pub fn control(group: &Group, which: Control) -> Result<Reading> {
    let path = group.path(which).map_err(missing)?;
    let version = group.version(which.controller).map_err(missing)?;
    let reading = match which.key(version) {
        None => super::file(path)?,
        Some(key) => Reading::new("", format!("{} {key}", path.display()), keyed(&path, key)?),
    };
    Ok(Reading { elsewhere: which.elsewhere(version), ..reading.labelled(which.name(version)) })
}

/// How many bytes of memory the group uses now.
pub fn usage(group: &Group) -> Result<Reading> {
    control(group, MEMORY_CURRENT).map(Reading::varying)
}

/// How often the group was at its limit and the kernel had to take memory back from it.
pub fn limit_hits(group: &Group) -> Result<Reading> {
    control(group, MEMORY_HITS).map(Reading::varying)
}

/// How many processes were refused because the group was at its limit.
pub fn fork_refusals(group: &Group) -> Result<Reading> {
    control(group, PIDS_EVENTS)
}

/// Whether everything in the group stands still: `1` in version 2, `FROZEN` in version 1.
pub fn frozen(group: &Group) -> Result<Reading> {
    control(group, FREEZER_STATE)
}

/// Whether a reading of [`frozen`] says so.
pub fn stands_still(state: &Reading) -> bool {
    matches!(state.text.as_str(), "1" | "FROZEN")
}

/// How many processes of the group the OOM killer has ended.
pub fn oom_kills(group: &Group) -> Result<Reading> {
    control(group, MEMORY_KILLS)
}

/// How many bytes of the group's memory are page cache, which can be given back at any time.
pub fn page_cache(group: &Group) -> Result<Reading> {
    control(group, MEMORY_CACHE).map(Reading::varying)
}

/// How many bytes of the group's memory are its processes' own ("anonymous").
pub fn anonymous(group: &Group) -> Result<Reading> {
    control(group, MEMORY_ANON).map(Reading::varying)
}

/// The quota of CPU time and the period in which it may be used, in microseconds: `20000 100000`, and without a
/// quota `max 100000`. In version 1 these are two files.
pub fn cpu_quota(group: &Group) -> Result<Reading> {
    let quota = control(group, CPU_MAX)?;
    let period = control(group, CPU_PERIOD)?;
    Ok(if quota.source == period.source {
        let both = |name| format!("{name}, {}", CPU_PERIOD.name(Version::V1));
        Reading { elsewhere: quota.elsewhere.map(both), ..quota }
    } else {
        let most = if quota.text == "-1" { "max" } else { &quota.text };
        let both = |quota, period| format!("{quota}, {period}");
        Reading {
            text: format!("{most} {}", period.text),
            label: both(quota.label, period.label),
            source: both(quota.source, CPU_PERIOD.name(Version::V1).into()),
            elsewhere: quota.elsewhere,
            varies: false,
        }
    })
}

/// The accounts of a group's CPU time.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuAccount {
    /// What was used.
    pub used: Duration,
    /// In how many periods there was somebody who wanted to run.
    pub periods: u64,
    /// In how many of these the quota was used up.
    pub throttled: u64,
    /// For how long the group stood still because of that, on all CPUs together.
    pub stalled: Duration,
}

impl CpuAccount {
    /// What came on it since then.
    pub fn since(self, before: Self) -> Self {
        Self {
            used: self.used.saturating_sub(before.used),
            periods: self.periods.saturating_sub(before.periods),
            throttled: self.throttled.saturating_sub(before.throttled),
            stalled: self.stalled.saturating_sub(before.stalled),
        }
    }
}

/// The accounts of a group's CPU time, as they stand now.
pub fn cpu_account(group: &Group) -> Result<CpuAccount> {
    let number = |which| control(group, which).map(|reading| reading.text.parse::<u64>().unwrap_or(0));
    Ok(CpuAccount {
        used: cpu_used(group)?,
        periods: number(CPU_PERIODS)?,
        throttled: number(CPU_THROTTLED)?,
        stalled: duration(group, CPU_STALLED)?,
    })
}

/// How much CPU time the group has used, with all groups below it.
pub fn cpu_used(group: &Group) -> Result<Duration> {
    duration(group, CPU_USAGE)
}

/// A control that is a duration: microseconds in version 2, nanoseconds in version 1.
fn duration(group: &Group, which: Control) -> Result<Duration> {
    let number = control(group, which)?.text.parse().unwrap_or(0);
    let version = group.version(which.controller).map_err(missing)?;
    Ok(match version {
        Version::V1 => Duration::from_nanos(number),
        Version::V2 => Duration::from_micros(number),
    })
}

/// What a control says of one device, such as `7:0`. Of a device that it does not name there is nothing to be said:
/// no limit is set, or nothing was done.
pub fn of_device(group: &Group, which: Control, device: &str) -> Result<Reading> {
    let missing = |error: kernel::Error| unreadable(Path::new(&error.args), error.errno.desc());
    let path = group.path(which).map_err(missing)?;
    let version = group.version(which.controller).map_err(missing)?;
    let text = text(&path)?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(device)?.strip_prefix(' '));
    // `7:0 rbps=max wbps=2097152` in version 2; `7:0 2097152`, or `7:0 Write 4096` and others, in version 1.
    let value = match which.key(version) {
        None => lines.next(),
        Some(key) => lines
            .flat_map(|line| match version {
                Version::V1 => vec![line],
                Version::V2 => line.split(' ').collect(),
            })
            .find_map(|value| value.strip_prefix(key)?.strip_prefix(['=', ' '])),
    };
    let source = format!("{} {device}", path.display());
    let reading = Reading::new(which.name(version), source, value.unwrap_or("none"));
    Ok(Reading { elsewhere: which.elsewhere(version), ..reading })
}

/// How many bytes the group has written to a device, by its own account.
pub fn written(group: &Group, device: &str) -> Result<u64> {
    Ok(of_device(group, IO_WRITTEN, device)?.text.parse().unwrap_or(0))
}

/// The processes in one cgroup directory.
pub fn processes(dir: &Path) -> Result<Vec<i32>> {
    Ok(text(&dir.join("cgroup.procs"))?.lines().filter_map(|line| line.parse().ok()).collect())
}
