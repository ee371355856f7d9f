//! What is being made, and what is left of it when its maker is killed.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{Error, Result, Store, Users, doing};
use crate::image::users::remove_tree;
use crate::kernel::at::{Lock, flock};
use crate::kernel::{Errno, Refused};

/// A directory for what is being made; gone with this value.
#[derive(Debug)]
pub(in crate::image) struct Work {
    dir: PathBuf,
    users: Users,
    /// As long as it is held, the directory belongs to somebody.
    _lock: File,
}

impl Work {
    /// The path of something in it.
    pub(in crate::image) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// A new file in it.
    pub(in crate::image) fn file(&self, name: impl AsRef<Path>) -> Result<File> {
        let path = self.path(name);
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        doing(format!("cannot write {}", path.display()), file)
    }

    /// A new directory in it.
    pub(in crate::image) fn directory(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.path(name);
        doing(format!("cannot make {}", path.display()), DirBuilder::new().mode(0o755).create(&path))?;
        Ok(path)
    }
}

impl Drop for Work {
    /// Without success it is a leftover as any other: the next command tries again.
    fn drop(&mut self) {
        let _ = remove_tree(&self.users, &self.dir);
    }
}

impl Store {
    /// A place to make something in.
    pub(in crate::image) fn work(&self) -> Result<Work> {
        loop {
            let dir = self.dir.join("tmp").join(format!("{:016x}", crate::machine::random()));
            let made = DirBuilder::new().mode(0o700).create(&dir).and_then(|()| File::open(&dir));
            let lock = doing(format!("cannot write below {}", self.dir.display()), made)?;
            // Another command can be looking at it just now, and even have taken it for a leftover.
            flock(&lock, Lock::Alone)?;
            if dir.exists() {
                return Ok(Work { dir, users: self.users.clone(), _lock: lock });
            }
        }
    }

    /// Clear away what commands have left that were killed. How many there were.
    ///
    /// They can have been killed in the middle of adding or removing an image: then there are blobs and layers, too,
    /// which nothing refers to. That can be told only while nobody adds any.
    pub(super) fn clear_leftovers(&self) -> Result<usize> {
        let left = self.leftovers()?;
        if left.is_empty() {
            return Ok(0);
        }
        match flock(&self.lock, Lock::AloneAtOnce) {
            // Others are at work: the next command will do it.
            refused if refused.refused() == Some(Errno::EWOULDBLOCK) => {
                flock(&self.lock, Lock::Shared)?;
                return Ok(0);
            }
            locked => locked?,
        }
        // Their own directories last: while there is one, this begins again.
        self.remove_unreferenced()?;
        let left = self.leftovers()?;
        left.iter().try_for_each(|dir| remove_tree(&self.users, dir))?;
        flock(&self.lock, Lock::Shared)?;
        Ok(left.len())
    }

    /// Directories that nobody works in any more.
    fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let mut left = vec![];
        let tmp = self.dir.join("tmp");
        let what = || format!("cannot read {}", tmp.display());
        // Its own name, and the `.` in it: where a file system counts names at all, there is no directory in it.
        if doing(what(), tmp.metadata())?.nlink() == 2 {
            return Ok(left);
        }
        for entry in doing(what(), fs::read_dir(&tmp))?.flatten() {
            match File::open(entry.path()) {
                Ok(dir) if flock(&dir, Lock::AloneAtOnce).is_ok() => left.push(entry.path()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(why) => return Err(Error::Io { what: what(), why }),
            }
        }
        Ok(left)
    }
}
