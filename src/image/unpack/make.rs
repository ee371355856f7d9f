//! The files of a layer, made one by one.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::path::Place;
use super::tree::{Tree, is_portable, path};
use super::{Entry, Error, Kind, Reader, Result};
use crate::image::error::{doing, reading};
use crate::image::tar::shown;
use crate::kernel::at::{self, Node, OFlags, ResolveFlags};
use crate::kernel::{Errno, fs};

/// Runs of zeros of this size become holes.
const HOLE: usize = 1 << 16;

impl Tree<'_> {
    /// Make what an entry says, where nothing is, or a directory where there is one already.
    pub(super) fn make(
        &mut self,
        parent: BorrowedFd,
        place: &Place,
        entry: &Entry,
        archive: &mut Reader<impl Read>,
    ) -> Result<()> {
        let name = place.name.as_path();
        match entry.kind {
            Kind::File => return self.file(parent, name, entry, archive),
            Kind::HardLink => {
                let (dir, old) = self.target(entry)?;
                // Another name of the same file: owner and mode are there already.
                return Ok(at::linkat(dir.as_fd(), &old, parent, name)?);
            }
            Kind::SymbolicLink => {
                if entry.link.is_empty() || entry.link.contains(&0) {
                    return Err(Error::Hostile(format!("the link {} leads nowhere", entry.shown())));
                }
                at::symlinkat(path(&entry.link), parent, name)?;
            }
            Kind::Directory => {
                match at::mkdirat(parent, name, 0o700) {
                    Err(error) if error.errno == Errno::EEXIST => {}
                    made => made?,
                }
                self.dress(parent, name, entry)?;
                let dir = at::openat2(
                    parent,
                    name,
                    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW,
                    0,
                    ResolveFlags::NO_SYMLINKS,
                )?;
                return self.attributes(dir.as_fd(), entry);
            }
            Kind::Fifo => at::mknodat(parent, name, Node::Fifo, 0o600)?,
            Kind::Character(0, 0) => at::mknodat(parent, name, Node::Character(0, 0), 0)?,
            Kind::Character(..) | Kind::Block(..) if !self.powers.root => {
                self.left_out.devices += 1;
                return Ok(());
            }
            Kind::Character(major, minor) => at::mknodat(parent, name, Node::Character(major, minor), 0o600)?,
            Kind::Block(major, minor) => at::mknodat(parent, name, Node::Block(major, minor), 0o600)?,
        }
        self.dress(parent, name, entry)?;
        if !entry.attributes.is_empty() {
            self.left_out.attributes += 1;
        }
        Ok(at::utimensat(parent, name, entry.changed)?)
    }

    /// A file with its content.
    fn file(
        &mut self,
        parent: BorrowedFd,
        name: &Path,
        entry: &Entry,
        archive: &mut Reader<impl Read>,
    ) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = File::from(at::openat2(parent, name, flags, 0o600, ResolveFlags::NO_SYMLINKS)?);
        let what = || format!("cannot write {} of the image", entry.shown());
        let mut buffer = vec![0; HOLE];
        while let Some((offset, count)) = archive.piece(&mut buffer).map_err(reading)? {
            let piece = &buffer[..count];
            // What reads as zeros need not be written: a hole does the same, and takes no room.
            if count < HOLE || piece.iter().any(|byte| *byte != 0) {
                doing(what(), file.write_all_at(piece, offset))?;
            }
        }
        fs::ftruncate(&file, entry.size).map_err(|error| match error.errno {
            Errno::EFBIG | Errno::EINVAL => {
                Error::TooLarge(format!("{} is too large for this file system", entry.shown()))
            }
            _ => error.into(),
        })?;
        self.size += entry.size;
        self.dress(parent, name, entry)?;
        self.attributes(file.as_fd(), entry)?;
        Ok(at::utimensat(parent, name, entry.changed)?)
    }

    /// Give it its owner and then, for that takes some bits away, its mode.
    pub(super) fn dress(&mut self, parent: BorrowedFd, name: &Path, entry: &Entry) -> Result<()> {
        let number = |number: u64| u32::try_from(number).ok().filter(|number| *number != u32::MAX);
        let (Some(uid), Some(gid)) = (number(entry.uid), number(entry.gid)) else {
            return Err(Error::Hostile(format!(
                "{} belongs to a user whom no machine can have",
                entry.shown()
            )));
        };
        let theirs = (uid, gid) != (0, 0);
        if theirs && !self.powers.owners {
            self.left_out.owners += 1;
        } else if let Err(error) = at::fchownat(parent, name, uid, gid) {
            // There are numbers that the user namespace does not have.
            if error.errno != Errno::EINVAL || self.powers.root {
                return Err(error.into());
            }
            self.left_out.owners += 1;
        }
        if entry.kind != Kind::SymbolicLink {
            at::fchmodat(parent, name, entry.mode)?;
        }
        Ok(())
    }

    /// Its extended attributes, as far as they mean something here.
    pub(super) fn attributes(&mut self, file: BorrowedFd, entry: &Entry) -> Result<()> {
        for (name, value) in &entry.attributes {
            if !is_portable(name) {
                self.left_out.attributes += 1;
                continue;
            }
            if name.contains('\0') {
                return Err(Error::Hostile(format!("an attribute of {} has no name", entry.shown())));
            }
            match at::fsetxattr(file, name, value) {
                Err(error) if matches!(error.errno, Errno::EOPNOTSUPP | Errno::EPERM | Errno::EINVAL) => {
                    self.left_out.attributes += 1;
                }
                Err(error) if matches!(error.errno, Errno::ERANGE | Errno::E2BIG | Errno::ENOSPC) => {
                    let (name, file) = (shown(name.as_bytes()), entry.shown());
                    return Err(Error::TooLarge(format!("the attribute {name} of {file} is too large")));
                }
                set => set?,
            }
        }
        Ok(())
    }
}
