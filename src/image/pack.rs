//! A directory becomes the archive of a layer: the way back from [`unpack`](super::unpack).
//!
//! What overlayfs has for its own, whiteouts and opaque directories, is written as layers have it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat, major, minor, readlinkat, statat};

use super::error::{Result, doing};
use super::marks::{Marks, is_whiteout, names, open, reading};
use super::tar::{Entry, Kind, Writer};
use crate::kernel::at::OFlags;

/// How files are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owners {
    /// Everything is root's, and of no time: the same files give the same bytes.
    Root,
    /// As they are.
    Kept,
}

/// Write everything below `root` as a layer, but not what has one of the paths `without`.
pub(super) fn layer<W: Write>(
    root: BorrowedFd,
    owners: Owners,
    without: &BTreeSet<PathBuf>,
    target: W,
) -> Result<W> {
    let archive = Writer::new(target);
    let mut packing = Packing { archive, owners, without, seen: HashMap::new() };
    packing.directory(root, b"")?;
    packing.archive.finish()
}

/// The same of a directory by its path.
pub(super) fn directory<W: Write>(
    path: &Path,
    owners: Owners,
    without: &BTreeSet<PathBuf>,
    target: W,
) -> Result<W> {
    let root = doing(format!("cannot read {}", path.display()), File::open(path))?;
    layer(root.as_fd(), owners, without, target)
}

struct Packing<'a, W> {
    archive: Writer<W>,
    owners: Owners,
    without: &'a BTreeSet<PathBuf>,
    /// Files with several names, and the first of them.
    seen: HashMap<(u64, u64), Vec<u8>>,
}

impl<W: Write> Packing<'_, W> {
    /// What is in a directory, in the order of names.
    fn directory(&mut self, dir: BorrowedFd, path: &[u8]) -> Result<()> {
        let mut names = names(dir)?;
        names.sort();
        for name in names {
            let slash = if path.is_empty() { &b""[..] } else { b"/" };
            let path = [path, slash, name.as_bytes()].concat();
            if !self.without.contains(Path::new(OsStr::from_bytes(&path))) {
                self.put(dir, Path::new(&name), path)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, dir: BorrowedFd, name: &Path, path: Vec<u8>) -> Result<()> {
        let shown = Path::new(OsStr::from_bytes(&path)).to_path_buf();
        let stat = reading(&shown, statat(dir, name, AtFlags::SYMLINK_NOFOLLOW))?;
        if is_whiteout(dir, name.as_os_str(), &stat)? {
            return self.whiteout(&path);
        }
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let device = || (major(stat.st_rdev).into(), minor(stat.st_rdev).into());
        let kind = match file_type {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::SymbolicLink,
            FileType::CharacterDevice => Kind::Character(device().0, device().1),
            FileType::BlockDevice => Kind::Block(device().0, device().1),
            FileType::Fifo => Kind::Fifo,
            // A socket is nothing without the process that listens on it.
            _ => return Ok(()),
        };
        let mut entry = self.entry(path, kind, &stat);
        if kind != Kind::Directory && stat.st_nlink > 1 {
            let id = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.seen.get(&id) {
                let entry =
                    Entry { kind: Kind::HardLink, link: first.clone(), size: 0, attributes: vec![], ..entry };
                return self.archive.entry(&entry).map(drop);
            }
            self.seen.insert(id, entry.path.clone());
        }
        match kind {
            Kind::SymbolicLink => {
                entry.link = reading(&shown, readlinkat(dir, name, vec![]))?.into_bytes();
                self.archive.entry(&entry).map(drop)
            }
            Kind::File => {
                let mut file = File::from(open(dir, name, OFlags::RDONLY)?);
                entry.attributes = Marks::of(file.as_fd(), &shown)?.attributes;
                self.archive.entry(&entry)?.copy_from(&mut (&mut file as &mut dyn Read))
            }
            Kind::Directory => {
                let below = open(dir, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
                let Marks { attributes, opaque, .. } = Marks::of(below.as_fd(), &shown)?;
                let path = entry.path.clone();
                entry.path.push(b'/');
                entry.attributes = attributes;
                self.archive.entry(&entry)?;
                if opaque {
                    self.archive.file_named(&[&path[..], b"/.wh..wh..opq"].concat())?;
                }
                self.directory(below.as_fd(), &path)
            }
            _ => self.archive.entry(&entry).map(drop),
        }
    }

    fn entry(&self, path: Vec<u8>, kind: Kind, stat: &Stat) -> Entry {
        let kept = self.owners == Owners::Kept;
        let of = |number: u32| if kept { number.into() } else { 0 };
        Entry {
            path,
            link: vec![],
            kind,
            mode: stat.st_mode & 0o7777,
            uid: of(stat.st_uid),
            gid: of(stat.st_gid),
            changed: (if kept { stat.st_mtime } else { 0 }, 0),
            size: if kind == Kind::File { stat.st_size.try_into().unwrap_or(0) } else { 0 },
            attributes: vec![],
        }
    }

    fn whiteout(&mut self, path: &[u8]) -> Result<()> {
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        self.archive.file_named(&[&path[..at], b".wh.", &path[at..]].concat())
    }
}
