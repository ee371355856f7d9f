//! A directory becomes the archive of a layer: the way back from [`unpack`](super::unpack).
//!
//! What overlayfs has for its own, whiteouts and opaque directories, is written as layers have it.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Stat, fgetxattr, flistxattr, major, minor, readlinkat, statat};

use super::error::{Error, Result};
use super::tar::{Attribute, Entry, Kind, Writer};
use crate::kernel::at::{OFlags, ResolveFlags, openat2};

/// How files are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owners {
    /// Everything is root's, and of no time: the same files give the same bytes.
    Root,
    /// As they are.
    Kept,
}

/// Write everything below `root` as a layer. The bytes of all files.
pub(super) fn layer<W: Write>(root: BorrowedFd, owners: Owners, target: W) -> Result<(W, u64)> {
    let mut packing = Packing { archive: Writer::new(target), owners, seen: HashMap::new(), size: 0 };
    packing.directory(root, b"")?;
    Ok((packing.archive.finish()?, packing.size))
}

struct Packing<W> {
    archive: Writer<W>,
    owners: Owners,
    /// Files with several names, and the first of them.
    seen: HashMap<(u64, u64), Vec<u8>>,
    size: u64,
}

impl<W: Write> Packing<W> {
    /// What is in a directory, in the order of names.
    fn directory(&mut self, dir: BorrowedFd, path: &[u8]) -> Result<()> {
        let mut names: Vec<Vec<u8>> = vec![];
        for entry in doing(path, Dir::read_from(dir))? {
            let name = doing(path, entry)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        names.sort();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
            self.put(dir, Path::new(OsStr::from_bytes(&name)), path)?;
        }
        Ok(())
    }

    fn put(&mut self, dir: BorrowedFd, name: &Path, path: Vec<u8>) -> Result<()> {
        let stat = doing(&path, statat(dir, name, AtFlags::SYMLINK_NOFOLLOW))?;
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let device = || (major(stat.st_rdev).into(), minor(stat.st_rdev).into());
        let kind = match file_type {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::SymbolicLink,
            FileType::CharacterDevice if stat.st_rdev == 0 => return self.whiteout(&path),
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
                entry.link = doing(&entry.path, readlinkat(dir, name, vec![]))?.into_bytes();
                self.archive.entry(&entry).map(drop)
            }
            Kind::File => {
                let mut file = open(dir, name, OFlags::RDONLY | OFlags::NOFOLLOW)?;
                entry.attributes = attributes(file.as_fd(), &entry.path)?.0;
                self.size += entry.size;
                self.archive.entry(&entry)?.copy_from(&mut (&mut file as &mut dyn Read))
            }
            Kind::Directory => {
                let below = open(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
                let (attributes, is_opaque) = attributes(below.as_fd(), &entry.path)?;
                let path = entry.path.clone();
                entry.path.push(b'/');
                entry.attributes = attributes;
                self.archive.entry(&entry)?;
                if is_opaque {
                    self.mark([&path[..], b"/.wh..wh..opq"].concat())?;
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
        self.mark([&path[..at], b".wh.", &path[at..]].concat())
    }

    /// An empty file whose name says everything.
    fn mark(&mut self, path: Vec<u8>) -> Result<()> {
        let (link, attributes, kind) = (vec![], vec![], Kind::File);
        let entry = Entry { path, link, kind, mode: 0, uid: 0, gid: 0, changed: (0, 0), size: 0, attributes };
        self.archive.entry(&entry).map(drop)
    }
}

fn open(dir: BorrowedFd, name: &Path, flags: OFlags) -> Result<File> {
    Ok(File::from(openat2(dir, name, flags, 0, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?))
}

/// The attributes of a file that belong into a layer, and whether it is opaque.
fn attributes(file: BorrowedFd, path: &[u8]) -> Result<(Vec<Attribute>, bool)> {
    let mut names = vec![0; 1 << 16];
    let length = match flistxattr(file, &mut names[..]) {
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        length => doing(path, length)?,
    };
    let (mut found, mut is_opaque) = (vec![], false);
    for name in names[..length].split_inclusive(|byte| *byte == 0) {
        let Some(name) = CStr::from_bytes_with_nul(name).ok().and_then(|name| name.to_str().ok()) else {
            continue;
        };
        if name.ends_with(".overlay.opaque") {
            is_opaque = true;
        } else if super::unpack::is_portable(name) {
            let mut value = vec![0; 1 << 16];
            let length = doing(path, fgetxattr(file, name, &mut value[..]))?;
            value.truncate(length);
            found.push((name.into(), value));
        }
    }
    found.sort();
    Ok((found, is_opaque))
}

fn doing<T>(path: &[u8], result: rustix::io::Result<T>) -> Result<T> {
    let what = || format!("cannot read {}", super::tar::shown(path));
    result.map_err(|error| Error::Io { what: what(), why: error.into() })
}
