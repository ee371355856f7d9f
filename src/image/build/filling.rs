//! The layer that `COPY`, `ADD` or `WORKDIR` puts on top of an image: directories on the way as they are there, and
//! what is new.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::fault;
use crate::image::error::Result;
use crate::image::merged::{Directory, Found, directory_name};
use crate::image::tar::{Entry, Kind, Writer};

/// A layer that is being filled.
pub(super) struct Filling<'a, W> {
    archive: Writer<W>,
    /// What there is already.
    image: &'a Directory,
    /// Directories that are in the layer.
    there: BTreeSet<PathBuf>,
    /// Who owns what is new.
    owner: (u32, u32),
    /// The permissions of what is new, if they are not its own.
    mode: Option<u32>,
    /// When directories are made that were not there.
    now: i64,
}

impl<'a, W: Write> Filling<'a, W> {
    pub(super) fn new(target: W, image: &'a Directory, now: i64) -> Self {
        let archive = Writer::new(target);
        Self { archive, image, there: BTreeSet::new(), owner: (0, 0), mode: None, now }
    }

    /// What is new belongs to this user and group, and may have permissions of its own.
    pub(super) fn dressed(self, owner: (u32, u32), mode: Option<u32>) -> Self {
        Self { owner, mode, ..self }
    }

    pub(super) fn finish(self) -> Result<W> {
        self.archive.finish()
    }

    /// A directory and those on the way to it, links followed: made where they are missing. Where it really is.
    pub(super) fn directory(&mut self, path: &Path) -> Result<PathBuf> {
        let way = self.image.resolve(path)?;
        let mut so_far = PathBuf::new();
        for (at, part) in way.path.iter().enumerate() {
            so_far.push(part);
            let found = way.found.get(at);
            if found.is_some_and(|found| found.directory.is_none()) {
                let hint = "it is a file in the image: choose another target";
                return Err(fault(format!("/{} is no directory", so_far.display()), hint));
            }
            if !self.there.insert(so_far.clone()) {
                continue;
            }
            let entry = match found {
                Some(found) => found.entry(&so_far)?,
                None => self.new_directory(&so_far),
            };
            self.archive.entry(&entry)?;
        }
        Ok(way.path)
    }

    fn new_directory(&self, path: &Path) -> Entry {
        Entry {
            path: directory_name(path),
            link: vec![],
            kind: Kind::Directory,
            mode: 0o755,
            uid: self.owner.0.into(),
            gid: self.owner.1.into(),
            changed: (self.now, 0),
            size: 0,
            attributes: vec![],
        }
    }

    /// A file, or a directory alone, as it is elsewhere. Its directory has to be there.
    pub(super) fn copy(&mut self, path: &Path, file: &Found) -> Result<()> {
        let mut entry = file.entry(path)?;
        (entry.uid, entry.gid) = (self.owner.0.into(), self.owner.1.into());
        if let Some(mode) = self.mode.filter(|_| entry.kind != Kind::SymbolicLink) {
            entry.mode = mode;
        }
        match file.kind() {
            // Nothing without the process that listens on it.
            FileType::Socket => Ok(()),
            FileType::RegularFile => self.put(&entry, &mut file.open()?),
            _ => self.put(&entry, &mut std::io::empty()),
        }
    }

    /// An entry with its content. Its directory has to be there.
    pub(super) fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        let path = PathBuf::from(OsStr::from_bytes(&entry.path));
        let way = self.image.resolve_but_last(&path)?;
        if let Some(found) =
            way.last().filter(|found| found.directory.is_some() != (entry.kind == Kind::Directory))
        {
            let (new, old) = match found.directory {
                Some(_) => ("a file", "a directory"),
                None => ("a directory", "a file"),
            };
            let why =
                format!("{new} cannot take the place of /{}, which is {old} in the image", path.display());
            return Err(fault(why, "remove that first, or choose another target"));
        }
        if entry.kind == Kind::Directory {
            self.there.insert(way.path);
        }
        self.archive.entry(entry)?;
        if entry.kind == Kind::File { self.archive.copy_from(&mut { content }) } else { Ok(()) }
    }
}
