//! A process, as `/proc/PID` shows it.
//! <https://man7.org/linux/man-pages/man5/proc.5.html>

use std::fmt::Display;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::str::FromStr;

use super::{Reading, Result, keyed, text, unreadable};
use crate::kernel::capability::{self, Set};
use crate::kernel::namespace::Kind;
use crate::kernel::raw::namespace_owner;

/// A field of `/proc/PID/status`; `who` is a pid or `self`.
pub fn status(who: impl Display, field: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/status"));
    let value = keyed(&path, field)?;
    Ok(Reading::new(format!("{who} {field}"), format!("{} {field}", path.display()), value))
}

/// A set of capabilities of a process, by name and without `CAP_`; `set` is its field in `/proc/PID/status`: `CapEff`.
pub fn capabilities(who: impl Display, set: &str) -> Result<Reading> {
    let reading = status(who, set)?;
    let bits = u64::from_str_radix(&reading.text, 16);
    let bits = bits.map_err(|error| unreadable(&PathBuf::from(&reading.source), error))?;
    let last = super::file("/proc/sys/kernel/cap_last_cap")?.innermost().unwrap_or_default();
    let text = match bits {
        0 => "(none)".into(),
        _ if bits.count_ones() as u64 == last + 1 => "(all)".into(),
        _ => capability::shown(Set::from_bits_retain(bits)),
    };
    Ok(Reading { text, ..reading })
}

/// Whether the kernel told a program to trust nobody, because it has more power than whoever executed it: `AT_SECURE` of
/// its auxiliary vector, 1 or 0.
/// <https://man7.org/linux/man-pages/man3/getauxval.3.html>
pub fn secure_execution(who: impl Display) -> Result<Reading> {
    const AT_SECURE: usize = 23;
    const WORD: usize = size_of::<usize>();
    let path = PathBuf::from(format!("/proc/{who}/auxv"));
    let bytes = super::files::content(&path)?;
    let words = bytes.chunks_exact(WORD).filter_map(|word| Some(usize::from_ne_bytes(word.try_into().ok()?)));
    let words: Vec<usize> = words.collect();
    let value = words.chunks_exact(2).find(|entry| entry[0] == AT_SECURE).map(|entry| entry[1]);
    let value = value.ok_or_else(|| unreadable(&path, "it has no AT_SECURE"))?;
    let source = format!("{} AT_SECURE", path.display());
    Ok(Reading::new(format!("{who} AT_SECURE"), source, value.to_string()))
}

/// Which namespace of a kind a process is in: `pid:[4026532281]`.
pub fn namespace(who: impl Display, kind: Kind) -> Result<Reading> {
    let link = super::link(format!("/proc/{who}/ns/{kind}"))?;
    Ok(link.labelled(format!("{who} ns/{kind}")))
}

/// The user namespace that a namespace of a process belongs to: `user:[4026531837]`.
pub fn owner(who: impl Display, kind: Kind) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/ns/{kind}"));
    let asked = fs::File::open(&path)
        .and_then(|namespace| Ok(namespace_owner(namespace.as_fd())?))
        .and_then(|owner| fs::read_link(format!("/proc/self/fd/{}", owner.as_raw_fd())));
    let link = asked.map_err(|error| unreadable(&path, error))?;
    let source = format!("ioctl(NS_GET_USERNS) of {}", path.display());
    Ok(Reading::new(format!("owner of {who} ns/{kind}"), source, link.to_string_lossy()))
}

/// The map of users (`uid_map`) or of groups (`gid_map`) in the namespace of a process: the first number
/// inside, the first outside, and how many.
pub fn id_map(who: impl Display, file: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/{file}"));
    let lines = text(&path)?;
    let lines = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines: Vec<String> = lines.collect();
    let text = if lines.is_empty() { "(empty)".into() } else { lines.join(", ") };
    Ok(Reading::new(format!("{who} {file}"), path.display().to_string(), text))
}

/// Which namespace of a kind the children of a process are going to be in: for the kinds `pid` and `time` that
/// can be another one than its own.
pub fn namespace_for_children(who: impl Display, kind: Kind) -> Result<Reading> {
    let name = format!("ns/{kind}_for_children");
    let path = PathBuf::from(format!("/proc/{who}/{name}"));
    let link = fs::read_link(&path).map_err(|error| unreadable(&path, error))?;
    Ok(Reading::new(format!("{who} {name}"), path.display().to_string(), link.to_string_lossy()))
}

/// The kinds of namespace in which a process is apart from the caller.
pub fn other_namespaces(who: impl Display) -> Vec<Kind> {
    let link = |who: &dyn Display, kind| namespace(who, kind).map(|reading| reading.text).ok();
    Kind::ALL.into_iter().filter(|kind| link(&who, *kind) != link(&"self", *kind)).collect()
}

/// The directories that a process has open, by their paths.
pub fn directories(who: impl Display) -> Result<Vec<String>> {
    let path = PathBuf::from(format!("/proc/{who}/fd"));
    let entries = fs::read_dir(&path).map_err(|error| unreadable(&path, error))?;
    // One that is closed while we look is open no more.
    let open = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let directories = open.filter(|link| link.is_dir()).filter_map(|link| fs::read_link(link).ok());
    Ok(directories.map(|path| path.to_string_lossy().into_owned()).collect())
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

/// The mount points below a directory, without it, as a process sees them.
pub fn mounts_below(who: impl Display, dir: &str) -> Result<Reading> {
    let points = mount_points(&who)?;
    let below = |point: &String| point.strip_prefix(dir)?.strip_prefix('/').map(String::from);
    let names: Vec<String> = points.iter().filter_map(below).collect();
    let text = if names.is_empty() { "(none)".into() } else { names.join(" ") };
    Ok(Reading::new(format!("mounts in {dir}"), format!("/proc/{who}/mountinfo {dir}/"), text))
}

/// What mountinfo says of the propagation of the mount at `point`, with the numbers of the peer groups:
/// `shared:12`, `master:12`, `unbindable`; nothing for a private one.
pub fn propagation_tags(who: impl Display, point: &str) -> Result<Vec<String>> {
    let (place, _, _) = mount_at(&who, point)?;
    Ok(place.split(' ').skip(6).map(Into::into).collect())
}

/// The same without the numbers.
pub fn propagation(who: impl Display, point: &str) -> Result<Reading> {
    let tags = propagation_tags(&who, point)?;
    let names: Vec<&str> = tags.iter().filter_map(|tag| tag.split(':').next()).collect();
    let text = if names.is_empty() { "(none)".into() } else { names.join(" ") };
    Ok(Reading::new("propagation", format!("/proc/{who}/mountinfo {point}"), text))
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

/// Whether a listed process lives: what has ended stays listed until its parent has asked how.
pub fn lives(who: impl Display) -> Result<Reading> {
    let state = status(who, "State")?;
    let text = if state.text.starts_with(['Z', 'X']) { "no" } else { "yes" };
    Ok(Reading { text: text.into(), ..state })
}

/// The process with this name, if it lives.
pub fn named(name: &str) -> Option<u64> {
    let is_named = |pid: &u64| comm(pid).is_ok_and(|comm| comm.text == name);
    let lives = |pid: &u64| lives(pid).is_ok_and(|lives| lives.text == "yes");
    listed().ok()?.into_iter().find(|pid| is_named(pid) && lives(pid))
}

/// The program that a process executes.
pub fn program(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/exe"));
    let link = fs::read_link(&path).map_err(|error| unreadable(&path, error))?;
    Ok(Reading::new(format!("{who} exe"), path.display().to_string(), link.to_string_lossy()))
}

/// The command line of a process, its words divided by blanks.
pub fn command_line(who: impl Display) -> Result<Reading> {
    let reading = super::file(format!("/proc/{who}/cmdline"))?;
    let text = reading.text.trim_end_matches('\0').replace('\0', " ");
    Ok(Reading { text, ..reading })
}

/// The process with this command line, if there is one: what has ended has none any more.
pub fn running(command: &str) -> Option<u64> {
    let runs = |pid: &u64| command_line(pid).is_ok_and(|line| line.text == command);
    listed().ok()?.into_iter().find(runs)
}

/// When a process started, in clock ticks since boot: with its number, its identity.
pub fn start_time(who: impl Display) -> Result<u64> {
    stat(&who, 22)
}

/// How much CPU time a process has had, in clock ticks: a hundred are a second.
pub fn cpu_time(who: impl Display) -> Result<Reading> {
    let ticks = stat::<u64>(&who, 14)? + stat::<u64>(&who, 15)?;
    let source = format!("/proc/{who}/stat utime+stime");
    Ok(Reading::new(format!("{who} CPU time"), source, ticks.to_string()).varying())
}

/// How nice a process is to those beside it: 0 unless it was told otherwise, from -20 to 19.
pub fn nice(who: impl Display) -> Result<Reading> {
    let nice: i64 = stat(&who, 19)?;
    Ok(Reading::new(format!("{who} nice"), format!("/proc/{who}/stat nice"), nice.to_string()))
}

/// A number of `/proc/PID/stat`, by the number that its manual page gives to the field.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn stat<T: FromStr>(who: &impl Display, field: usize) -> Result<T> {
    const FIRST_AFTER_NAME: usize = 3; // the name, field 2, can hold blanks
    let path = PathBuf::from(format!("/proc/{who}/stat"));
    let content = text(&path)?;
    let after_name = content.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name
        .split(' ')
        .nth(field - FIRST_AFTER_NAME)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| unreadable(&path, format!("it has no field {field}")))
}

/// What an epoll instance of this process waits for, of the first descriptor that it watches, as a number in hexadecimal.
/// <https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html>
pub fn watched_events(epoll: impl AsFd) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/self/fdinfo/{}", epoll.as_fd().as_raw_fd()));
    let line = keyed(&path, "tfd")?;
    let events = line.split_whitespace().skip_while(|word| *word != "events:").nth(1);
    let events = events.ok_or_else(|| unreadable(&path, "no events"))?;
    Ok(Reading::new("events", "/proc/self/fdinfo events", events))
}
