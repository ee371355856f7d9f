//! A process, as `/proc/PID` shows it.
//! <https://man7.org/linux/man-pages/man5/proc.5.html>

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use super::{Reading, Result, keyed, text, unreadable};
use crate::kernel::namespace::Kind;

/// A field of `/proc/PID/status`; `who` is a pid or `self`.
pub fn status(who: impl Display, field: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/status"));
    let value = keyed(&path, field)?;
    Ok(Reading::new(format!("{who} {field}"), format!("{} {field}", path.display()), value))
}

/// Which namespace of a kind a process is in: `pid:[4026532281]`.
pub fn namespace(who: impl Display, kind: Kind) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/ns/{kind}"));
    let link = fs::read_link(&path).map_err(|error| unreadable(&path, error))?;
    let text = link.to_string_lossy().into_owned();
    Ok(Reading::new(format!("{who} ns/{kind}"), path.display().to_string(), text))
}

/// The kinds of namespace in which a process is apart from the caller.
pub fn other_namespaces(who: impl Display) -> Vec<Kind> {
    let link = |who: &dyn Display, kind| namespace(who, kind).map(|reading| reading.text).ok();
    Kind::ALL.into_iter().filter(|kind| link(&who, *kind) != link(&"self", *kind)).collect()
}

/// The cgroup of a process in the tree that has `controller`.
pub fn cgroup(who: impl Display, controller: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/cgroup"));
    let content = text(&path)?;
    let line = content
        .lines()
        .find(|line| {
            line.split(':').nth(1).is_some_and(|names| names.split(',').any(|name| name == controller))
        })
        .or_else(|| content.lines().find(|line| line.starts_with("0::")))
        .ok_or_else(|| unreadable(&path, "it has no line for this controller"))?;
    let place = line.splitn(3, ':').nth(2).unwrap_or_default();
    Ok(Reading::new(format!("{who} cgroup"), path.display().to_string(), place))
}

/// The mount points that a process sees, in the order in which they were mounted.
pub fn mount_points(who: impl Display) -> Result<Vec<String>> {
    let path = PathBuf::from(format!("/proc/{who}/mountinfo"));
    let points = text(&path)?.lines().filter_map(|line| Some(line.split(' ').nth(4)?.to_string())).collect();
    Ok(points)
}

/// The mount at `point`, as a process sees it: file system type and options.
pub fn mounted(who: impl Display, point: &str) -> Result<Reading> {
    let (_, kind, source) = mount_at(&who, point)?;
    let mut kind = kind.split(' ');
    let (fstype, options) = (kind.next().unwrap_or_default(), kind.nth(1).unwrap_or_default());
    Ok(Reading::new(format!("{who} mount {point}"), source, format!("{fstype} {options}")))
}

/// Whether the mount at `point` can be written to: `rw` or `ro`. Mount and file system can forbid it.
pub fn mount_access(who: impl Display, point: &str) -> Result<Reading> {
    let (place, kind, source) = mount_at(&who, point)?;
    let is_rw = |options: Option<&str>| options.is_some_and(|text| text.split(',').any(|word| word == "rw"));
    let both = is_rw(place.split(' ').nth(5)) && is_rw(kind.split(' ').nth(2));
    Ok(Reading::new(format!("{who} mount {point}"), source, if both { "rw" } else { "ro" }))
}

/// The last line of mountinfo for `point`, before and after its ` - `, and where that is.
fn mount_at(who: &impl Display, point: &str) -> Result<(String, String, String)> {
    let path = PathBuf::from(format!("/proc/{who}/mountinfo"));
    let content = text(&path)?;
    let line = content.lines().rfind(|line| line.split(' ').nth(4) == Some(point));
    let (place, kind) = line
        .and_then(|line| line.split_once(" - "))
        .ok_or_else(|| unreadable(&path, format!("nothing is mounted at {point}")))?;
    Ok((place.into(), kind.into(), format!("{} {point}", path.display())))
}

/// The options of the mount at `point`, as a process sees it: `ro,nosuid,nodev`.
pub fn mount_options(who: impl Display, point: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/mountinfo"));
    let content = text(&path)?;
    let line = content.lines().rfind(|line| line.split(' ').nth(4) == Some(point));
    let options = line.and_then(|line| line.split(' ').nth(5));
    let options = options.ok_or_else(|| unreadable(&path, format!("nothing is mounted at {point}")))?;
    Ok(Reading::new(format!("{who} mount {point}"), format!("{} {point}", path.display()), options))
}

/// The network interfaces that a process sees.
pub fn interfaces(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/net/dev"));
    let content = text(&path)?;
    let names: Vec<&str> = content.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    Ok(Reading::new(format!("{who} interfaces"), path.display().to_string(), names.join(" ")))
}

/// The numbers of the processes that `/proc` lists: what `ps` shows.
pub fn listed() -> Result<Vec<u64>> {
    let path = PathBuf::from("/proc");
    let entries = fs::read_dir(&path).map_err(|error| unreadable(&path, error))?;
    let mut pids: Vec<u64> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// The children of a process, by number.
pub fn children(parent: impl Display) -> Result<Vec<u64>> {
    let parent = parent.to_string();
    // One that ends while we look is nobody's child any more.
    let is_child = |pid: &u64| status(pid, "PPid").is_ok_and(|reading| reading.text == parent);
    Ok(listed()?.into_iter().filter(is_child).collect())
}

/// The name that a process gave itself, or that of its program.
pub fn comm(who: impl Display) -> Result<Reading> {
    super::file(format!("/proc/{who}/comm")).map(|reading| reading.labelled(format!("{who} comm")))
}

/// The command line of a process, its words divided by blanks.
pub fn command_line(who: impl Display) -> Result<Reading> {
    let reading = super::file(format!("/proc/{who}/cmdline"))?;
    let text = reading.text.trim_end_matches('\0').replace('\0', " ");
    Ok(Reading { text, ..reading })
}

/// When a process started, in clock ticks since boot: with its number, its identity.
pub fn start_time(who: impl Display) -> Result<u64> {
    const FIELD_AFTER_NAME: usize = 19; // starttime is field 22; the name, field 2, can hold blanks
    let path = PathBuf::from(format!("/proc/{who}/stat"));
    let content = text(&path)?;
    let after_name = content.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name
        .split(' ')
        .nth(FIELD_AFTER_NAME)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| unreadable(&path, "it has no start time"))
}
