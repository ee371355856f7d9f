//! In which namespaces a process is, and with whom.

use serde::Serialize;

use super::fact::if_there;
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::Errno;
use crate::kernel::namespace::Kind;
use crate::probe::{self, handle::Handle};

/// All eight.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Namespaces(Vec<Namespace>);

/// One of them.
#[derive(Debug, Serialize)]
struct Namespace {
    kind: Kind,
    /// `pid:[4026531836]`; null where the kernel does not have this kind.
    id: Fact<Option<String>>,
    /// The one that it is compared with.
    compared_with: Fact<Option<String>>,
    /// Whether they are the same; null where one of them is not known.
    shared: Option<bool>,
    members: Members,
}

/// The other processes in a namespace, without the kernel's own threads.
#[derive(Debug, Default, Serialize)]
struct Members {
    count: usize,
    /// The first few.
    first: Vec<Member>,
    /// Processes of which it cannot be told.
    unknown: usize,
}

#[derive(Debug, Serialize)]
struct Member {
    pid: i32,
    command: String,
}

/// So many of those in a namespace are named.
const NAMED: usize = 4;

/// Whether it is a process, and neither a thread of the kernel nor one that has ended.
fn has_program(pid: i32) -> bool {
    let stat = Handle::open(pid).and_then(|handle| handle.stat());
    stat.is_ok_and(|stat| !stat.is_kernel_thread && stat.state != 'Z')
}

impl Namespaces {
    pub(super) fn read(pid: i32, than: i32) -> Self {
        let mut all: Vec<Namespace> =
            Kind::ALL.into_iter().map(|kind| Namespace::read(pid, than, kind)).collect();
        let others = probe::process::listed().unwrap_or_default();
        for other in others.into_iter().filter_map(|other| i32::try_from(other).ok()) {
            if other != pid && has_program(other) {
                all.iter_mut().for_each(|namespace| namespace.count(other));
            }
        }
        Self(all)
    }

    /// Whether a namespace is that of the process compared with, if both are known.
    pub(super) fn shared(&self, kind: Kind) -> Option<bool> {
        self.0.iter().find(|namespace| namespace.kind == kind)?.shared
    }

    /// Which namespace of a kind it is.
    pub(super) fn id(&self, kind: Kind) -> Option<&str> {
        self.0.iter().find(|namespace| namespace.kind == kind)?.id()
    }

    /// In words, those of which this holds.
    fn which(&self, holds: impl Fn(&Namespace) -> bool) -> Vec<&'static str> {
        self.0.iter().filter(|namespace| holds(namespace)).map(|namespace| isolates(namespace.kind)).collect()
    }
}

impl Namespace {
    fn read(pid: i32, than: i32, kind: Kind) -> Self {
        let [id, compared_with] = [pid, than].map(|pid| if_there(probe::process::namespace(pid, kind)));
        let shared = match (&id, &compared_with) {
            (Fact::Known(Some(left)), Fact::Known(Some(right))) => Some(left == right),
            _ => None,
        };
        Self { kind, id, compared_with, shared, members: Members::default() }
    }

    fn id(&self) -> Option<&str> {
        self.id.known()?.as_deref()
    }

    fn count(&mut self, other: i32) {
        let Some(own) = self.id() else { return };
        match probe::process::namespace(other, self.kind) {
            Ok(id) if id.text == own => {
                self.members.count += 1;
                if self.members.first.len() < NAMED {
                    let command = probe::process::comm(other).map(|reading| reading.text).unwrap_or_default();
                    self.members.first.push(Member { pid: other, command });
                }
            }
            Ok(_) => {}
            Err(error) if matches!(error.errno, Some(Errno::EACCES | Errno::EPERM)) => {
                self.members.unknown += 1
            }
            // One that ended meanwhile is in no namespace.
            Err(_) => {}
        }
    }
}

impl Members {
    fn said(&self) -> String {
        let named: Vec<String> =
            self.first.iter().map(|member| format!("{} {}", member.pid, member.command)).collect();
        let more = match self.count - self.first.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let others = match self.count {
            0 => "nobody else".into(),
            _ => format!("with {}{more}", named.join(", ")),
        };
        match self.unknown {
            0 => others,
            1 => format!("{others} (not readable: 1 other)"),
            unknown => format!("{others} (not readable: {unknown} others)"),
        }
    }
}

/// What a kind of namespace keeps apart, as sentences call it.
fn isolates(kind: Kind) -> &'static str {
    match kind {
        Kind::Mnt => "mounts",
        Kind::Uts => "host name",
        Kind::Ipc => "IPC",
        Kind::Pid => "process numbers",
        Kind::Net => "network",
        Kind::User => "users",
        Kind::Cgroup => "cgroup tree",
        Kind::Time => "clocks",
    }
}

/// What every container has of its own; users have an aspect of their own, and clocks are hardly ever apart.
const USUAL: [Kind; 6] = [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::Cgroup];

impl Aspect for Namespaces {
    const NAME: &'static str = "namespaces";

    fn rows(&self) -> Vec<Row> {
        let mut above = String::new();
        let row = |namespace: &Namespace| {
            let id = namespace.id.said(|id| id.clone().unwrap_or_else(|| "this kernel has none".into()));
            let shared = match namespace.shared {
                Some(true) => "shared",
                Some(false) => "its own",
                None => "",
            };
            let value = format!("{id} {shared}");
            let members = if namespace.id().is_some() { namespace.members.said() } else { String::new() };
            let same = namespace.members.count > 1 && members == above;
            let note = if same { "with the same".into() } else { members.clone() };
            above = members;
            Row::new(namespace.kind.link(), value.trim(), note)
        };
        self.0.iter().map(row).collect()
    }

    fn verdict(&self, than: &Reference) -> (Degree, String) {
        let own = self.which(|namespace| namespace.shared == Some(false));
        let shared = self.which(|namespace| namespace.shared == Some(true));
        let unknown = self
            .which(|namespace| namespace.id.known().is_none() || namespace.compared_with.known().is_none());
        let than = than.name();
        let parts = [
            (format!("shares with {than}"), shared),
            ("has of its own".into(), own),
            ("not readable".into(), unknown),
        ];
        let said: Vec<String> = parts
            .into_iter()
            .filter(|(_, which)| !which.is_empty())
            .map(|(words, which)| format!("{words}: {}", which.join(", ")))
            .collect();
        let known: Vec<bool> = USUAL.into_iter().filter_map(|kind| self.shared(kind)).collect();
        let apart = known.iter().filter(|shared| !**shared).count();
        let degree = if known.is_empty() { Degree::Unknown } else { Degree::of(apart, USUAL.len()) };
        (degree, said.join("; "))
    }
}
