//! What differs from run to run gets a name instead: roles for pids, numbers from 1 for namespaces.
//! So two runs of a lesson can be compared, and the book shows no accidental figures.

use std::collections::HashMap;
use std::io;

use super::Presenter;
use crate::event::{Body, Call, Event};
use devices::Devices;

/// What stands for a value that varies.
const VARIES: &str = "…";

/// What nobody asked for: since Linux 6.6 an overlay shows these among the options of the mount.
const OVERLAY_DEFAULTS: [&str; 3] = [",uuid=on", ",uuid=null", ",redirect_dir=nofollow"];

/// What a tree of version 1 is called: its controllers, or `unified` for version 2 beside them.
const V1_TREES: [&str; 7] = ["blkio", "cpu", "cpuset", "freezer", "memory", "pids", "unified"];

/// Where version 1 counts CPU time. The accounts have a tree of their own on some machines, and on others they
/// share that of the limits, under either name.
const ACCOUNTS: &str = "/sys/fs/cgroup/cpuacct/";
const ACCOUNTS_AND_LIMITS: &str = "/sys/fs/cgroup/cpu,cpuacct/";
const LIMITS: &str = "/sys/fs/cgroup/cpu/";

/// Passes events on with what varies replaced.
pub struct Stable<P> {
    next: P,
    /// Pids on the host, and the lanes that they are.
    roles: HashMap<String, String>,
    /// Namespace links, by kind in the order in which they were seen.
    namespaces: Vec<(String, String)>,
    /// The lane that is about to be made.
    coming: Option<String>,
    /// Lanes in the host's PID namespace, and whether their children are going to be in it.
    at_host: HashMap<String, bool>,
    devices: Devices,
    /// Of what was left out because not every machine says it: claims, and parts that were skipped.
    asides: (usize, usize),
}

impl<P: Presenter> Stable<P> {
    /// In front of `next`.
    pub fn new(next: P) -> Self {
        let at_host = HashMap::from([("host".into(), true)]);
        let (roles, devices) = (HashMap::new(), Devices::default());
        Self { next, roles, namespaces: vec![], coming: None, at_host, devices, asides: (0, 0) }
    }

    fn know(&mut self, pid: impl ToString, role: &str) {
        self.roles.entry(pid.to_string()).or_insert_with(|| format!("<{role}>"));
    }

    fn learn(&mut self, event: &Event) {
        if event.pid > 0 && event.lane != "stage" {
            self.know(event.pid, &event.lane);
        }
        match &event.body {
            Body::Lane { name } => self.coming = Some(name.clone()),
            // The kernel gives the number of a namespace that is gone to the next one, sooner or later.
            Body::Step { .. } => self.namespaces.clear(),
            Body::Call(call) if call.errno.is_none() => self.learn_from_call(&event.lane, call),
            _ => {}
        }
    }

    /// What clone3 returns is a number in the PID namespace of its caller, which need not be the host's.
    fn learn_from_call(&mut self, lane: &str, call: &Call) {
        let moves_children = call.args.contains("CLONE_NEWPID");
        match call.name.as_str() {
            "clone3" => {
                let (Some(role), at_host) = (self.coming.take(), self.at_host.get(lane).copied()) else {
                    return;
                };
                if at_host.is_some() {
                    self.know(&call.result, &role);
                }
                match at_host {
                    Some(true) if !moves_children => self.at_host.insert(role, true),
                    _ => self.at_host.remove(&role),
                };
            }
            "unshare" | "setns" if moves_children => {
                self.at_host.entry(lane.into()).and_modify(|children| *children = false);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        *text = text.replace(ACCOUNTS_AND_LIMITS, LIMITS).replace(ACCOUNTS, LIMITS);
        *text = self.devices.names(&run_names(&self.namespace_names(&self.pid_names(text))));
        for default in OVERLAY_DEFAULTS {
            *text = text.replace(default, "");
        }
    }

    /// Numbers that are pids on the host become the names of their lanes.
    fn pid_names(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
            let end = rest[start..]
                .find(|sign: char| !sign.is_ascii_digit())
                .map_or(rest.len(), |length| start + length);
            let glued = |sign: Option<char>| {
                sign.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '[' | '.' | '_'))
            };
            let stands_alone =
                !glued(rest[..start].chars().next_back()) && !glued(rest[end..].chars().next());
            let number = &rest[start..end];
            let name = self.roles.get(number).filter(|_| stands_alone);
            out += &rest[..start];
            out += name.map_or(number, String::as_str);
            rest = &rest[end..];
        }
        out + rest
    }
}

impl<P> Stable<P> {
    /// `pid:[4026532281]` becomes `pid:[1]`, the next one `pid:[2]`.
    fn namespace_names(&self, text: &str) -> String {
        let mut out = text.to_string();
        for (link, name) in &self.namespaces {
            out = out.replace(link, name);
        }
        out
    }

    fn note_namespaces(&mut self, text: &str) {
        for word in text.split_whitespace() {
            let Some((kind, number)) = word.strip_suffix(']').and_then(|word| word.split_once(":[")) else {
                continue;
            };
            if number.chars().all(|sign| sign.is_ascii_digit())
                && !self.namespaces.iter().any(|(known, _)| known == word)
            {
                let before = self
                    .namespaces
                    .iter()
                    .filter(|(known, _)| known.starts_with(&format!("{kind}:")))
                    .count();
                self.namespaces.push((word.to_string(), format!("{kind}:[{}]", before + 1)));
            }
        }
    }
}

impl<P> Stable<P> {
    /// How many bytes were written depends on the number, if it is that of a process or of a device.
    fn length_of_number(&self, call: &mut Call) {
        let written = call.args.rsplit_once(", \"").map(|(_, text)| text.trim_end_matches('"'));
        let has_number = |text| self.roles.contains_key(text) || devices::begins_with_one(text);
        if call.name == "write" && call.errno.is_none() && written.is_some_and(has_number) {
            call.result = VARIES.into();
        }
    }
}

/// The time of day is another one in each run.
fn time_of_day(call: &mut Call) {
    if call.name == "clock_settime" {
        call.args = "CLOCK_REALTIME, {now}".into();
    }
}

/// Which CPU a process keeps to is another one on each machine.
fn own_cpu(call: &mut Call) {
    if call.name == "sched_setaffinity" {
        call.args = VARIES.into();
    }
}

/// Calls that return a descriptor, and calls whose first argument is one.
const OPENERS: [&str; 6] = ["open", "open_tree", "pidfd_open", "mq_open", "socket", "epoll_create1"];
const USERS: [&str; 15] = [
    "fchdir",
    "ftruncate",
    "move_mount",
    "setns",
    "bind",
    "listen",
    "connect",
    "sendto",
    "recvfrom",
    "setsockopt",
    "open_by_handle_at",
    "ioctl",
    "pidfd_getfd",
    "fcntl",
    "epoll_ctl",
];

/// Which number a descriptor gets depends on how many the process was started with.
fn descriptors(call: &mut Call) {
    const OWN: &str = "/proc/self/fd/";
    let rest = |text: &str| text.trim_start_matches(|sign: char| sign.is_ascii_digit()).to_string();
    if OPENERS.contains(&call.name.as_str()) && call.errno.is_none() && call.result != "0" {
        call.result = "<fd>".into();
    }
    let is_number = |text: &str| text.starts_with(|sign: char| sign.is_ascii_digit());
    if USERS.contains(&call.name.as_str()) && is_number(&call.args) {
        call.args = format!("<fd>{}", rest(&call.args));
    }
    if let Some((before, watched)) = call.args.split_once("EPOLL_CTL_ADD, ") {
        call.args = format!("{before}EPOLL_CTL_ADD, <fd>{}", rest(watched));
    }
    if call.name == "mmap" && call.errno.is_none() {
        call.result = "<address>".into();
        let end =
            call.args.rsplit_once(", ").and_then(|(rest, offset)| Some((rest.rsplit_once(", ")?.0, offset)));
        if let Some((before, offset)) = end {
            call.args = format!("{before}, <fd>, {offset}");
        }
    }
    if call.name == "open"
        && let Some((before, after)) = call.args.clone().split_once(OWN)
        && after.starts_with(|sign: char| sign.is_ascii_digit())
    {
        call.args = format!("{before}{OWN}<fd>{}", rest(after));
    }
}

/// How long a seccomp filter is depends on the numbers that this architecture gives the calls.
fn filter_length(call: &mut Call) {
    const LENGTH: &str = "{len=";
    if let Some((before, after)) = call.args.split_once(LENGTH).filter(|_| call.name == "seccomp") {
        let rest = after.trim_start_matches(|sign: char| sign.is_ascii_digit());
        call.args = format!("{before}{LENGTH}{VARIES}{rest}");
    }
}

/// `/sys/fs/cgroup/memory/some/where/glassbox-x7f3-hog` becomes `/sys/fs/cgroup/memory/glassbox-RUN-hog`.
fn run_names(text: &str) -> String {
    const MARK: &str = "glassbox-";
    const ID: usize = 4;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, after) = (&rest[..at], &rest[at + MARK.len()..]);
        out += &shorter_cgroup(before);
        out += MARK;
        let id_ends = after.is_char_boundary(ID.min(after.len()))
            && after.len() > ID
            && after[ID..].starts_with(['-', '/']);
        rest = if id_ends {
            out += "RUN";
            &after[ID..]
        } else {
            after
        };
    }
    out + rest
}

/// Why something is skipped may name this process's own place among the cgroups: every machine has another.
fn own_cgroup(text: &str) -> String {
    const ROOT: &str = "/sys/fs/cgroup/";
    let place =
        |word: &str| if word.starts_with(ROOT) { format!("{ROOT}{VARIES}") } else { word.to_string() };
    text.split(' ').map(place).collect::<Vec<_>>().join(" ")
}

/// Drop the part of a cgroup's path between its tree and our own directory.
fn shorter_cgroup(before: &str) -> String {
    const ROOT: &str = "/sys/fs/cgroup/";
    let Some(at) = before.rfind(ROOT) else {
        // As in /proc/PID/cgroup: a path from the root of the tree.
        let word = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let is_path = before[word..].starts_with('/') && before.ends_with('/');
        let is_stage = &before[word..] == "/tmp/";
        return if is_path && !is_stage { format!("{}/{VARIES}/", &before[..word]) } else { before.into() };
    };
    let (head, path) = before.split_at(at + ROOT.len());
    let tree = path.split('/').next().unwrap_or_default();
    let is_v1 = tree.split(',').any(|name| V1_TREES.contains(&name));
    if path.contains(' ') {
        before.into()
    } else if is_v1 {
        format!("{head}{tree}/")
    } else {
        head.into()
    }
}

impl<P: Presenter> Presenter for Stable<P> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        self.learn(event);
        if event.aside {
            self.asides.0 += usize::from(matches!(&event.body, Body::Check(check) if check.passed));
            self.asides.1 += usize::from(matches!(&event.body, Body::Skip { .. }));
            return Ok(());
        }
        let mut event = event.clone();
        event.pid = 0;
        let mut texts: Vec<&mut String> = vec![];
        match &mut event.body {
            Body::Call(call) if call.backstage || call.varies => return Ok(()),
            Body::Call(call) if call.args.contains(ACCOUNTS) => return Ok(()),
            Body::Call(call) if self.devices.in_vain(call) => return Ok(()),
            Body::Gauge { .. } => return Ok(()),
            Body::Call(call) => {
                call.micros = 0;
                descriptors(call);
                filter_length(call);
                time_of_day(call);
                own_cpu(call);
                if devices::is_question(call) && call.errno.is_none() {
                    call.result = VARIES.into();
                }
                self.length_of_number(call);
                texts.extend([&mut call.args, &mut call.result]);
            }
            Body::State { rows, .. } => {
                for row in rows {
                    let hide = |value: &mut Option<String>, varies: bool| {
                        *value = value.take().map(|text| if varies { VARIES.into() } else { text });
                    };
                    hide(&mut row.before, row.before_varies);
                    hide(&mut row.after, row.after_varies);
                    texts.extend([&mut row.what, &mut row.source]);
                    texts.extend(row.before.iter_mut().chain(row.after.iter_mut()));
                }
            }
            Body::Check(check) => {
                if check.varies {
                    check.seen = VARIES.into();
                    check.expected = VARIES.into();
                }
                texts.extend([&mut check.expected, &mut check.seen, &mut check.source]);
            }
            Body::Measure { value, source, .. } => {
                *value = VARIES.into();
                texts.push(source);
            }
            Body::Chart { bars, source, .. } => {
                bars.iter_mut().for_each(|bar| bar.value = None);
                texts.push(source);
            }
            Body::TryIt { command, .. } => texts.push(command),
            Body::Say { text } | Body::Output { text, .. } => texts.push(text),
            Body::Reveal { observed, .. } => texts.push(observed),
            Body::Skip { why, .. } => *why = own_cgroup(why),
            Body::Finish { passed, skipped, .. } => {
                *passed -= self.asides.0;
                *skipped -= self.asides.1;
            }
            Body::Predict { choices, .. } => texts.extend(choices),
            _ => {}
        }
        for text in texts {
            self.note_namespaces(text);
            self.text(text);
        }
        self.next.show(&event)
    }
}

mod devices;
#[cfg(test)]
mod tests;
