//! Layers without overlayfs: all that is seen of them in one directory, and what differs from that later.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::error::{Result, doing};
use super::merged::{Directory, Found};
use super::tar::{Entry, Kind, Writer};
use super::{Users, load, unpack};
use crate::kernel::fs::open_unnamed;

/// Copy all that is seen of layers, the uppermost first, into an empty directory.
pub fn copy(users: &Users, layers: &[PathBuf], into: &Path) -> Result<()> {
    users.ask(|powers| {
        let root = Directory::root(layers)?;
        // Through an archive: what makes files of one knows about owners, links and attributes.
        let archive = open_unnamed(into)?;
        let mut copying = Copying { archive: Writer::new(BufWriter::new(archive)), seen: HashMap::new() };
        copying.directory(&root, Path::new(""))?;
        let written = copying.archive.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error);
        let mut archive = doing("cannot write the archive", written)?;
        doing("cannot read the archive", archive.rewind())?;
        let dir = doing(format!("cannot read {}", into.display()), File::open(into))?;
        unpack::layer(archive, dir.as_fd(), powers, load::LIMIT, false).map(drop)
    })
}

struct Copying<W> {
    archive: Writer<W>,
    /// Files with several names, and the first of them.
    seen: HashMap<(u64, u64), Vec<u8>>,
}

impl<W: Write> Copying<W> {
    fn directory(&mut self, directory: &Directory, path: &Path) -> Result<()> {
        for name in directory.names()? {
            let Some(file) = directory.look(&name)? else { continue };
            let path = path.join(&name);
            self.file(&file, &path)?;
            if let Some(below) = &file.directory {
                self.directory(below, &path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &Found, path: &Path) -> Result<()> {
        if file.kind() == FileType::Socket {
            return Ok(());
        }
        let entry = file.entry(path)?;
        if file.directory.is_none() && file.stat.st_nlink > 1 {
            let id = (file.stat.st_dev, file.stat.st_ino);
            if let Some(first) = self.seen.get(&id) {
                let link = first.clone();
                let entry = Entry { kind: Kind::HardLink, link, size: 0, attributes: vec![], ..entry };
                return self.archive.entry(&entry).map(drop);
            }
            self.seen.insert(id, entry.path.clone());
        }
        let is_file = entry.kind == Kind::File;
        let archive = self.archive.entry(&entry)?;
        if is_file { archive.copy_from(&mut (&mut file.open()? as &mut dyn Read)) } else { Ok(()) }
    }
}

/// The layer that says how a directory differs from what is seen of layers, the uppermost first.
pub(super) fn difference<W: Write>(
    dir: &Path,
    layers: &[PathBuf],
    without: &std::collections::BTreeSet<PathBuf>,
    target: W,
) -> Result<W> {
    let (new, old) = (Directory::root([dir])?, Directory::root(layers)?);
    let mut copying = Copying { archive: Writer::new(target), seen: HashMap::new() };
    for change in super::changes::between(&new, &old, without)? {
        let path = change.path();
        if change.what == super::changes::What::Deleted {
            let parent = path.parent().unwrap_or(Path::new(""));
            let name = [b".wh.", path.file_name().unwrap_or_default().as_bytes()].concat();
            copying.archive.file_named(parent.join(OsStr::from_bytes(&name)).as_os_str().as_bytes())?;
        } else if let Some(file) = new.resolve_but_last(path)?.last() {
            copying.file(file, path)?;
        }
    }
    copying.archive.finish()
}
