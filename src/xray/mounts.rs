//! The mount table of a process, compared with that of another one.

use serde::Serialize;

use crate::probe::mounts::Mount;

/// The mount table, compared with the other one.
#[derive(Debug, Serialize)]
pub(super) struct Mounts {
    pub(super) count: usize,
    /// What is mounted at `/`; null for a directory that is no mount point, after `chroot`.
    pub(super) root: Option<Place>,
    /// What the process sees and the other one does not.
    pub(super) only_here: Vec<Place>,
    /// The other way round.
    pub(super) only_there: Vec<Place>,
    pub(super) propagation: Propagation,
}

/// A mount, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) point: String,
    pub(super) kind: String,
    pub(super) source: String,
}

/// How mounts and unmounts spread: the number of mounts of each sort.
/// <https://docs.kernel.org/filesystems/sharedsubtree.html>
#[derive(Debug, Default, Serialize)]
pub(super) struct Propagation {
    /// They go both ways within a peer group.
    pub(super) shared: usize,
    /// They come in, and do not go out.
    pub(super) slave: usize,
    /// Neither.
    pub(super) private: usize,
    pub(super) unbindable: usize,
    /// Mount points of a peer group in which the other table has a mount, too.
    pub(super) with_other: Vec<String>,
    /// Mount points that are slaves of such a group.
    pub(super) from_other: Vec<String>,
}

/// So many mounts are named.
const NAMED: usize = 6;

impl Place {
    fn of(mount: &Mount) -> Self {
        Self { point: mount.point.clone(), kind: mount.kind.clone(), source: mount.source.clone() }
    }
}

impl Mounts {
    pub(super) fn compare(own: &[Mount], other: &[Mount]) -> Self {
        /// The same directory of the same file system at the same place.
        fn same(left: &Mount, right: &Mount) -> bool {
            (&left.point, &left.device, &left.root) == (&right.point, &right.device, &right.root)
        }
        let without = |mounts: &[Mount], others: &[Mount]| {
            let only = mounts.iter().filter(|mount| !others.iter().any(|other| same(mount, other)));
            only.map(Place::of).collect()
        };
        Self {
            count: own.len(),
            // What was mounted last covers what was there.
            root: own.iter().rfind(|mount| mount.point == "/").map(Place::of),
            only_here: without(own, other),
            only_there: without(other, own),
            propagation: Propagation::of(own, other),
        }
    }
}

/// The number of the peer group in `shared:7`.
fn group<'a>(mount: &'a Mount, kind: &str) -> Option<&'a str> {
    mount.propagation.iter().find_map(|field| field.strip_prefix(kind)?.strip_prefix(':'))
}

impl Propagation {
    fn of(own: &[Mount], other: &[Mount]) -> Self {
        let count = |holds: fn(&Mount) -> bool| own.iter().filter(|mount| holds(mount)).count();
        let theirs = |number: &str| other.iter().any(|mount| group(mount, "shared") == Some(number));
        let points = |kind: &str| {
            let joined = own.iter().filter(|mount| group(mount, kind).is_some_and(theirs));
            joined.map(|mount| mount.point.clone()).collect()
        };
        Self {
            shared: count(|mount| group(mount, "shared").is_some()),
            slave: count(|mount| group(mount, "master").is_some()),
            unbindable: count(|mount| mount.propagation.iter().any(|field| field == "unbindable")),
            private: count(|mount| mount.propagation.is_empty()),
            with_other: points("shared"),
            from_other: points("master"),
        }
    }
}

/// The first few of a list, and how many more there are.
pub(super) fn named(places: &[Place]) -> String {
    let names: Vec<String> =
        places.iter().take(NAMED).map(|place| format!("{} ({})", place.point, place.kind)).collect();
    match places.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{}, and {more} more", names.join(", ")),
    }
}
