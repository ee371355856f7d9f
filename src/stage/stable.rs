//! What differs from run to run gets a name instead: roles for pids, numbers from 1 for namespaces.
//! So two runs of a lesson can be compared, and the book shows no accidental figures.

use std::collections::HashMap;
use std::io;

use super::Presenter;
use crate::event::{Body, Call, Event};

/// What stands for a value that varies.
const VARIES: &str = "…";

/// Passes events on with what varies replaced.
pub struct Stable<P> {
    next: P,
    /// Pids on the host, and the lanes that they are.
    roles: HashMap<String, String>,
    /// Namespace links, by kind in the order in which they were seen.
    namespaces: Vec<(String, String)>,
    /// The lane that is about to be made.
    coming: Option<String>,
}

impl<P: Presenter> Stable<P> {
    /// In front of `next`.
    pub fn new(next: P) -> Self {
        Self { next, roles: HashMap::new(), namespaces: vec![], coming: None }
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
            // Only the host's clone3 returns a number that is the host's.
            Body::Call(Call { name, result, .. }) if name == "clone3" && event.lane == "host" => {
                if let Some(role) = self.coming.take() {
                    self.know(result, &role);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        *text = run_names(&self.namespace_names(&self.pid_names(text)));
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

/// Which number a descriptor gets depends on how many the process was started with.
fn descriptors(call: &mut Call) {
    const OWN: &str = "/proc/self/fd/";
    let rest = |text: &str| text.trim_start_matches(|sign: char| sign.is_ascii_digit()).to_string();
    if matches!(call.name.as_str(), "open" | "pidfd_open") && call.errno.is_none() && call.result != "0" {
        call.result = "<fd>".into();
    }
    if matches!(call.name.as_str(), "ftruncate" | "setns")
        && call.args.starts_with(|sign: char| sign.is_ascii_digit())
    {
        call.args = format!("<fd>{}", rest(&call.args));
    }
    if call.name == "open"
        && let Some((before, after)) = call.args.clone().split_once(OWN)
        && after.starts_with(|sign: char| sign.is_ascii_digit())
    {
        call.args = format!("{before}{OWN}<fd>{}", rest(after));
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
    let Some(at) = before.rfind(ROOT) else { return before.into() };
    let (head, path) = before.split_at(at + ROOT.len());
    let tree = path.split('/').next().unwrap_or_default();
    let is_v1 = ["memory", "pids", "unified"].contains(&tree) || tree.split(',').any(|name| name == "cpu");
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
        let mut event = event.clone();
        event.pid = 0;
        let mut texts: Vec<&mut String> = vec![];
        match &mut event.body {
            Body::Call(call) if call.backstage || call.varies => return Ok(()),
            Body::Gauge { .. } => return Ok(()),
            Body::Call(call) => {
                call.micros = 0;
                descriptors(call);
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
            Body::TryIt { command, .. } => texts.push(command),
            Body::Say { text } | Body::Output { text, .. } => texts.push(text),
            Body::Reveal { observed, .. } => texts.push(observed),
            Body::Skip { why, .. } => *why = own_cgroup(why),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SCHEMA_VERSION;

    /// Keeps what it is shown.
    #[derive(Default)]
    struct Kept(Vec<Event>);

    impl Presenter for Kept {
        fn show(&mut self, event: &Event) -> io::Result<()> {
            self.0.push(event.clone());
            Ok(())
        }
    }

    fn stable(events: &[(&str, i32, Body)]) -> Vec<Body> {
        let mut stable = Stable::new(Kept::default());
        for (lane, pid, body) in events {
            let event = Event { v: SCHEMA_VERSION, lane: (*lane).into(), pid: *pid, body: body.clone() };
            stable.show(&event).unwrap_or_else(|error| panic!("{error}"));
        }
        stable.next.0.into_iter().map(|event| event.body).collect()
    }

    fn say(text: &str) -> Body {
        Body::Say { text: text.into() }
    }

    #[test]
    fn a_pid_becomes_the_name_of_its_lane_where_it_stands_alone() {
        let shown = stable(&[
            ("container", 4242, say("NSpid 4242 1")),
            ("host", 77, say("/proc/4242/ns/pid, 14242, 4242.5, x4242, [4242], 77 KiB")),
        ]);
        assert_eq!(shown[0], say("NSpid <container> 1"));
        assert_eq!(shown[1], say("/proc/<container>/ns/pid, 14242, 4242.5, x4242, [4242], <host> KiB"));
    }

    #[test]
    fn namespaces_are_numbered_by_kind_and_anew_in_each_step() {
        let step = Body::Step { number: 2, title: "next".into() };
        let shown = stable(&[
            ("host", 1, say("pid:[4026531836] pid:[4026532178] mnt:[4026532177]")),
            ("host", 1, step),
            ("host", 1, say("pid:[4026532178]")),
        ]);
        assert_eq!(shown[0], say("pid:[1] pid:[2] mnt:[1]"));
        assert_eq!(shown[2], say("pid:[1]"));
    }

    #[test]
    fn a_cgroup_keeps_its_tree_and_its_own_name() {
        let v1 = run_names("/sys/fs/cgroup/memory/user.slice/x/glassbox-k3f9-hog/memory.limit_in_bytes");
        assert_eq!(v1, "/sys/fs/cgroup/memory/glassbox-RUN-hog/memory.limit_in_bytes");
        let v2 = run_names("/sys/fs/cgroup/system.slice/glassbox-k3f9-hog/memory.max");
        assert_eq!(v2, "/sys/fs/cgroup/glassbox-RUN-hog/memory.max");
    }
}
