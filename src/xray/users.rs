//! Users and groups: who the process is, and who that is outside of its user namespace.

use serde::Serialize;

use super::namespaces::Namespaces;
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::namespace::Kind;
use crate::probe::{self, Reading};

/// Where the powers of a process hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Over the machine: it is in the first user namespace.
    Machine,
    /// Over what belongs to the same user namespace as the process compared with, which is not the first.
    Shared,
    /// Over what belongs to its own user namespace.
    Own,
    /// It cannot be told.
    Unknown,
}

impl Scope {
    pub(super) fn of(namespaces: &Namespaces) -> Self {
        /// The first user namespace has this number on every machine.
        const FIRST: &str = "user:[4026531837]";
        match (namespaces.id(Kind::User), namespaces.shared(Kind::User)) {
            (Some(FIRST), _) => Scope::Machine,
            (Some(_), Some(true)) => Scope::Shared,
            (Some(_), Some(false)) => Scope::Own,
            _ => Scope::Unknown,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Users {
    uid_map: Fact<Vec<Range>>,
    gid_map: Fact<Vec<Range>>,
    /// Real, effective, saved and for file systems, as the caller's user namespace numbers them.
    uids: Fact<Vec<u64>>,
    gids: Fact<Vec<u64>>,
    groups: Fact<Vec<u64>>,
    /// Who root inside is outside; null where nobody is.
    root_is: Fact<Option<u64>>,
    #[serde(skip)]
    scope: Scope,
}

/// So many numbers in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Range {
    inside: u64,
    outside: u64,
    count: u64,
}

/// What the kernel shows for a number that has no counterpart outside.
const NOBODY: u64 = u32::MAX as u64;

fn map(pid: i32, file: &str) -> Fact<Vec<Range>> {
    let range = |line: &str| {
        let numbers = Reading::new("", "", line).numbers();
        let [inside, outside, count] = numbers[..] else { return None };
        Some(Range { inside, outside, count })
    };
    Fact::from(probe::file(format!("/proc/{pid}/{file}")))
        .map(|reading| reading.text.lines().filter_map(range).collect())
}

impl Users {
    pub(super) fn read(pid: i32, scope: Scope) -> Self {
        let numbers =
            |field| Fact::from(probe::process::status(pid, field)).map(|reading: Reading| reading.numbers());
        let uid_map = map(pid, "uid_map");
        let root = |ranges: Vec<Range>| {
            let first = ranges.into_iter().find(|range| range.inside == 0);
            first.map(|range| range.outside).filter(|outside| *outside != NOBODY)
        };
        Self {
            root_is: uid_map.clone().map(root),
            uid_map,
            gid_map: map(pid, "gid_map"),
            uids: numbers("Uid"),
            gids: numbers("Gid"),
            groups: numbers("Groups"),
            scope,
        }
    }
}

fn said_map(ranges: &[Range]) -> String {
    let said = |Range { inside, outside, count }: &Range| match (*outside, *count) {
        (0, NOBODY) if *inside == 0 => "every number as it is".into(),
        (NOBODY, _) => format!("{inside} is nobody outside"),
        (outside, 1) => format!("{inside} is {outside} outside"),
        (outside, count) => {
            format!("{inside}-{} are {outside}-{} outside", inside + count - 1, outside + count - 1)
        }
    };
    if ranges.is_empty() {
        "none: everybody is nobody".into()
    } else {
        ranges.iter().map(said).collect::<Vec<_>>().join(", ")
    }
}

/// Real, effective, saved and for file systems: most of the time all the same.
fn said_numbers(numbers: &[u64]) -> String {
    match numbers {
        [first, rest @ ..] if rest.iter().all(|number| number == first) => first.to_string(),
        [real, effective, saved, fs] => {
            format!("real {real}, effective {effective}, saved {saved}, files {fs}")
        }
        other => format!("{other:?}"),
    }
}

impl Aspect for Users {
    const NAME: &'static str = "users";

    fn rows(&self) -> Vec<Row> {
        let list = |numbers: &Vec<u64>| {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            if numbers.is_empty() { "none".into() } else { numbers.join(" ") }
        };
        vec![
            Row::new("user", self.uids.said(|uids| said_numbers(uids)), "as numbered here"),
            Row::new("group", self.gids.said(|gids| said_numbers(gids)), ""),
            Row::new("groups", self.groups.said(list), ""),
            Row::new("uid_map", self.uid_map.said(|map| said_map(map)), ""),
            Row::new("gid_map", self.gid_map.said(|map| said_map(map)), ""),
        ]
    }

    fn verdict(&self, than: &Reference) -> (Degree, String) {
        let effective = self.uids.known().and_then(|uids| uids.get(1)).copied();
        let runs =
            effective.map_or_else(|| "runs as somebody unknown".into(), |uid| format!("runs as user {uid}"));
        let root = match self.root_is.known() {
            Some(Some(outside)) => format!("root inside is user {outside} outside"),
            Some(None) => "root inside is nobody outside".into(),
            None => "who root inside is outside cannot be told".into(),
        };
        match (self.scope, self.root_is.known()) {
            (Scope::Own, Some(Some(0))) => {
                (Degree::Partly, format!("{root}, in a user namespace of its own; it {runs}"))
            }
            (Scope::Own, _) => (Degree::Contained, format!("{root}; it {runs}")),
            (Scope::Machine | Scope::Shared, _) => {
                let degree = if effective == Some(0) { Degree::Open } else { Degree::Partly };
                let whose = if self.scope == Scope::Machine {
                    "the first user namespace: its users are the machine's".into()
                } else {
                    format!("the user namespace of {}", than.name())
                };
                (degree, format!("{runs}, in {whose}"))
            }
            (Scope::Unknown, _) => (Degree::Unknown, format!("{runs}; {root}")),
        }
    }
}
