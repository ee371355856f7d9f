//! What a container has changed in the files of its image, as its upper directory tells.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat, statat};
use serde::{Deserialize, Serialize};

use super::error::{Result, doing};
use super::marks::{Marks, is_whiteout, names, open, reading};
use super::merged::{Directory, Found};
use super::{Layer, Users};
use crate::kernel::at::OFlags;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The image does not have it.
    Added,
    /// The image has it, and it was written to, given another owner or mode, or made anew.
    Changed,
    /// Only the image has it.
    Deleted,
}

/// A file of which not everything is as in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What became of it.
    pub what: What,
    /// Below the root; names are bytes, as the kernel has them.
    path: Vec<u8>,
}

impl Change {
    fn new(what: What, path: &Path) -> Self {
        Self { what, path: path.as_os_str().as_bytes().into() }
    }

    /// Where it is, below the root.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

/// As `docker diff` writes it: `A /etc/motd`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let letter = match self.what {
            What::Added => 'A',
            What::Changed => 'C',
            What::Deleted => 'D',
        };
        write!(f, "{letter} /{}", self.path().display())
    }
}

/// What an upper directory says of these layers, the lowest first, in the order of names. Paths `without` are those
/// that the container did not make itself.
pub fn of_upper(
    users: &Users,
    upper: &Path,
    layers: &[Layer],
    without: &BTreeSet<PathBuf>,
) -> Result<Vec<Change>> {
    users.ask(|_| {
        let lower = Directory::root(layers.iter().rev().map(|layer| &layer.path))?;
        let upper = doing(format!("cannot read {}", upper.display()), File::open(upper))?;
        let mut changes = Changes { found: vec![], without };
        changes.directory(upper.as_fd(), Some(&lower), Path::new(""))?;
        Ok(changes.found)
    })
}

/// How a directory differs from what is seen of layers, the uppermost first, in the order of names.
pub fn of_copy(
    users: &Users,
    dir: &Path,
    layers: &[PathBuf],
    without: &BTreeSet<PathBuf>,
) -> Result<Vec<Change>> {
    users.ask(|_| between(&Directory::root([dir])?, &Directory::root(layers)?, without))
}

pub(super) fn between(new: &Directory, old: &Directory, without: &BTreeSet<PathBuf>) -> Result<Vec<Change>> {
    let mut found = vec![];
    compare_all(new, Some(old), Path::new(""), without, &mut found)?;
    Ok(found)
}

fn compare_all(
    new: &Directory,
    old: Option<&Directory>,
    path: &Path,
    without: &BTreeSet<PathBuf>,
    found: &mut Vec<Change>,
) -> Result<()> {
    let before = old.map_or(Ok(BTreeSet::new()), Directory::names)?;
    for name in &new.names()? | &before {
        let path = path.join(&name);
        if without.contains(&path) {
            continue;
        }
        let was = old.map_or(Ok(None), |old| old.look(&name))?;
        let Some(is) = new.look(&name)? else {
            found.extend(was.map(|_| Change::new(What::Deleted, &path)));
            continue;
        };
        let what = match &was {
            None => Some(What::Added),
            Some(was) => differs(&is, was).then_some(What::Changed),
        };
        let at = found.len();
        if let Some(directory) = &is.directory {
            let old = was.as_ref().and_then(|was| was.directory.as_ref());
            compare_all(directory, old, &path, without, found)?;
        }
        // A directory in which something changed has changed itself.
        let what = what.or_else(|| (found.len() > at).then_some(What::Changed));
        if let Some(what) = what {
            found.insert(at, Change::new(what, &path));
        }
    }
    Ok(())
}

/// Whether a file is not as it was. Like docker this believes sizes and times, and reads no content.
fn differs(is: &Found, was: &Found) -> bool {
    let (one, other) = (&is.stat, &was.stat);
    let owners = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let content = |stat: &Stat| (stat.st_size, stat.st_mtime);
    // What was copied has whole seconds.
    let is_later = one.st_mtime_nsec != 0 && one.st_mtime_nsec != other.st_mtime_nsec;
    owners(one) != owners(other) || is.directory.is_none() && (content(one) != content(other) || is_later)
}

struct Changes<'a> {
    found: Vec<Change>,
    without: &'a BTreeSet<PathBuf>,
}

impl Changes<'_> {
    /// Compare what an upper directory has with the one below it, if there is one.
    fn directory(&mut self, upper: BorrowedFd, lower: Option<&Directory>, path: &Path) -> Result<()> {
        let mut all: BTreeSet<_> = names(upper)?.into_iter().collect();
        // Nothing of the directory below shows in an opaque one: it has become this one.
        let opaque = Marks::of(upper, path)?.opaque;
        let gone = match lower.filter(|_| opaque) {
            Some(lower) => &lower.names()? - &all,
            None => BTreeSet::new(),
        };
        all.extend(gone.iter().cloned());
        for name in all {
            let path = path.join(&name);
            if self.without.contains(&path) {
                continue;
            }
            if gone.contains(&name) {
                self.found.push(Change::new(What::Deleted, &path));
            } else {
                self.compare(upper, &name, lower, &path)?;
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        upper: BorrowedFd,
        name: &OsStr,
        lower: Option<&Directory>,
        path: &Path,
    ) -> Result<()> {
        let stat = reading(path, statat(upper, name, AtFlags::SYMLINK_NOFOLLOW))?;
        let below = match lower {
            Some(lower) => lower.look(name)?,
            None => None,
        };
        if is_whiteout(upper, name, &stat)? {
            // What came and went again has a whiteout, too.
            self.found.extend(below.map(|_| Change::new(What::Deleted, path)));
            return Ok(());
        }
        let what = if below.is_some() { What::Changed } else { What::Added };
        self.found.push(Change::new(what, path));
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let dir = open(upper, Path::new(name), OFlags::RDONLY | OFlags::DIRECTORY)?;
            let lower = below.and_then(|below| below.directory);
            self.directory(dir.as_fd(), lower.as_ref(), path)?;
        }
        Ok(())
    }
}
