//! A control group, as its files show it. Each reading names the true file of this machine's layout.

use std::path::Path;

use super::{Reading, Result, keyed, text, unreadable};
use crate::kernel;
use crate::kernel::cgroup::{
    Control, Controller, FREEZER_STATE, Group, Hierarchies, MEMORY_ANON, MEMORY_CACHE, MEMORY_CURRENT,
    MEMORY_HITS, MEMORY_KILLS, PIDS_EVENTS,
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

/// What a control says.
pub fn control(group: &Group, which: Control) -> Result<Reading> {
    let missing = |error: kernel::Error| unreadable(Path::new(&error.args), error.errno.desc());
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

/// The processes in one cgroup directory.
pub fn processes(dir: &Path) -> Result<Vec<i32>> {
    Ok(text(&dir.join("cgroup.procs"))?.lines().filter_map(|line| line.parse().ok()).collect())
}
