//! Its root directory and its mounts: which files a process can reach.

use serde::Serialize;

use super::mounts::{Mounts, Place, Propagation, named};
use super::namespaces::Namespaces;
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::namespace::Kind;
use crate::probe::{self, files};

#[derive(Debug, Serialize)]
pub(super) struct Files {
    root: Fact<Root>,
    mounts: Fact<Mounts>,
    /// Whether both have one mount table; null if that is not known.
    same_table: Option<bool>,
}

/// The root directory.
#[derive(Debug, Serialize)]
struct Root {
    /// Its path, as the kernel shows it to the caller.
    path: String,
    /// Its device and inode.
    identity: String,
    /// Whether it is the directory that the process compared with has; null if that one is not readable.
    same_directory: Option<bool>,
}

impl Files {
    pub(super) fn read(pid: i32, than: i32, namespaces: &Namespaces) -> Self {
        let mounts = probe::mounts::mounts(pid)
            .and_then(|own| Ok(Mounts::compare(&own, &probe::mounts::mounts(than)?)));
        Self {
            root: Fact::from(Root::read(pid, than)),
            mounts: Fact::from(mounts),
            same_table: namespaces.shared(Kind::Mnt),
        }
    }
}

impl Root {
    fn read(pid: i32, than: i32) -> probe::Result<Self> {
        let path = format!("/proc/{pid}/root");
        let identity = files::identity(&path)?.text;
        let other = files::identity(format!("/proc/{than}/root"));
        Ok(Self {
            path: probe::link(&path)?.text,
            same_directory: other.ok().map(|other| other.text == identity),
            identity,
        })
    }
}

impl Aspect for Files {
    const NAME: &'static str = "files";

    fn rows(&self) -> Vec<Row> {
        let same = |root: &Root| match root.same_directory {
            Some(true) => "the same directory",
            Some(false) => "another directory",
            None => "",
        };
        let note = self.root.known().map_or("", same);
        let mut rows =
            vec![Row::new("root", self.root.said(|root| format!("{} {}", root.path, root.identity)), note)];
        let mounts = match &self.mounts {
            Fact::Known(mounts) => mounts,
            Fact::Unknown(unknown) => {
                rows.push(Row::new("mounts", unknown, ""));
                return rows;
            }
        };
        let root = match &mounts.root {
            Some(Place { kind, source, .. }) => format!("{kind} {source}"),
            None => "not a mount point: chroot".into(),
        };
        rows.push(Row::new("mounted at /", root, ""));
        rows.push(Row::new("mounts", mounts.count, ""));
        rows.push(Row::new("only here", mounts.only_here.len(), named(&mounts.only_here)));
        rows.push(Row::new("only there", mounts.only_there.len(), named(&mounts.only_there)));
        let Propagation { shared, slave, private, unbindable, .. } = &mounts.propagation;
        let counts = format!("{shared} shared, {slave} slave, {private} private, {unbindable} unbindable");
        rows.push(Row::new("propagation", counts, ""));
        rows
    }

    fn verdict(&self, than: &Reference) -> (Degree, String) {
        let than = than.name();
        let same_root = self.root.known().and_then(|root| root.same_directory);
        let (degree, mut text) = match (self.same_table, same_root) {
            (Some(true), Some(true)) => (Degree::Open, format!("sees the files of {than}")),
            (Some(true), Some(false)) => (
                Degree::Partly,
                format!("its root is another directory, but the mount table is that of {than}"),
            ),
            (Some(false), Some(true)) => {
                (Degree::Partly, format!("has mounts of its own, on the root directory of {than}"))
            }
            (Some(false), Some(false)) => {
                (Degree::Contained, "has a root directory and mounts of its own".into())
            }
            _ => return (Degree::Unknown, "whose files it sees is not readable".into()),
        };
        if let (Some(false), Some(Mounts { propagation, .. })) = (self.same_table, self.mounts.known()) {
            if !propagation.with_other.is_empty() {
                text += &format!(
                    "; what is mounted in one appears in the other, below {}",
                    propagation.with_other[0]
                );
            } else if !propagation.from_other.is_empty() {
                text += &format!("; what {than} mounts below {} appears in it", propagation.from_other[0]);
            }
        }
        (degree, text)
    }
}
