//! A control group, as its files show it. Each reading names the true file of this machine's layout.

use std::path::Path;

use super::{Reading, Result, keyed, text, unreadable};
use crate::kernel::cgroup::{
    Control, Group, Hierarchies, MEMORY_CURRENT, MEMORY_HITS, MEMORY_KILLS, MEMORY_STAT, Version,
};

fn path(group: &Group, control: Control) -> Result<std::path::PathBuf> {
    group
        .path(control)
        .map_err(|error| super::Unreadable { path: error.args, why: error.errno.desc().into() })
}

/// The trees of this machine.
pub fn hierarchies() -> Result<Hierarchies> {
    Hierarchies::detect().map_err(|error| unreadable(Path::new("/proc/self/mountinfo"), error))
}

/// The content of a control.
pub fn control(group: &Group, control: Control) -> Result<Reading> {
    super::file(path(group, control)?)
}

/// How many bytes of memory the group uses now.
pub fn usage(group: &Group) -> Result<Reading> {
    control(group, MEMORY_CURRENT).map(Reading::varying)
}

/// How often the group was at its limit and the kernel had to take memory back from it.
pub fn limit_hits(group: &Group) -> Result<Reading> {
    let path = path(group, MEMORY_HITS)?;
    match group.version(MEMORY_HITS.controller) {
        Ok(Version::V2) => {
            let hits = keyed(&path, "max")?;
            Ok(Reading::new("memory.events max", format!("{} max", path.display()), hits).varying())
        }
        _ => super::file(path).map(Reading::varying),
    }
}

/// How many processes of the group the OOM killer has ended.
pub fn oom_kills(group: &Group) -> Result<Reading> {
    let path = path(group, MEMORY_KILLS)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let count = keyed(&path, "oom_kill")?;
    Ok(Reading::new(format!("{name} oom_kill"), format!("{} oom_kill", path.display()), count))
}

/// How many bytes of the group's memory are page cache, which can be given back at any time.
pub fn page_cache(group: &Group) -> Result<Reading> {
    stat(group, "file", "cache")
}

/// How many bytes of the group's memory are its processes' own ("anonymous").
pub fn anonymous(group: &Group) -> Result<Reading> {
    stat(group, "anon", "rss")
}

fn stat(group: &Group, v2: &str, v1: &str) -> Result<Reading> {
    let path = path(group, MEMORY_STAT)?;
    let version =
        group.version(MEMORY_STAT.controller).map_err(|error| unreadable(&path, error.errno.desc()))?;
    let key = if version == Version::V2 { v2 } else { v1 };
    let bytes = keyed(&path, key)?;
    Ok(Reading::new(format!("memory.stat {key}"), format!("{} {key}", path.display()), bytes).varying())
}

/// The processes in one cgroup directory.
pub fn processes(dir: &Path) -> Result<Vec<i32>> {
    Ok(text(&dir.join("cgroup.procs"))?.lines().filter_map(|line| line.parse().ok()).collect())
}
