//! The directory that a layer becomes, reached by descriptors: no name in an archive is ever looked up from
//! outside of it, and no link is followed on the way.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::path::{Means, Place, meaning, place};
use super::{Entry, Error, Kind, LeftOut, Powers, Reader, Result};
use crate::image::tar::shown;
use crate::kernel::at::{self, Node, OFlags, ResolveFlags};
use crate::kernel::{self, Errno};

/// Without a way out: no `..` above the root, no link of any kind, no other file system.
const INSIDE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Marks what hides everything of lower layers: by a root of its own mount, or by an ordinary user.
const OPAQUE: [&str; 2] = ["user.overlay.opaque", "trusted.overlay.opaque"];

/// A directory that is being filled.
pub(in crate::image) struct Tree<'a> {
    pub(super) root: BorrowedFd<'a>,
    pub(super) powers: Powers,
    /// The directory that was looked up last: entries mostly come directory by directory.
    last: Option<(PathBuf, OwnedFd)>,
    /// Directories change when something is put into them: their times are set in the end.
    times: BTreeMap<PathBuf, (i64, u32)>,
    pub(super) size: u64,
    pub(super) left_out: LeftOut,
}

impl<'a> Tree<'a> {
    pub(in crate::image) fn new(root: BorrowedFd<'a>, powers: Powers) -> Result<Self> {
        let left_out = LeftOut::default();
        Ok(Self { root, powers, last: None, times: BTreeMap::new(), size: 0, left_out })
    }

    /// Put an entry of an archive into it; `archive` gives its content.
    pub(super) fn put(&mut self, entry: &Entry, archive: &mut Reader<impl Read>) -> Result<()> {
        match meaning(&entry.path)? {
            Means::Nothing => Ok(()),
            Means::Root if entry.kind == Kind::Directory => {
                self.times.insert(PathBuf::new(), entry.changed);
                self.dress(self.root, Path::new("."), entry)?;
                self.attributes(self.root, entry)
            }
            Means::Root => Err(Error::Hostile("the root of it is no directory".into())),
            Means::Opaque(dir) => {
                let dir = self.directory(&dir)?;
                self.make_opaque(dir.as_fd())
            }
            Means::Whiteout(place) => self.whiteout(&place),
            Means::Entry(place) => {
                let parent = self.directory(&place.parent)?;
                let was_whiteout = self.clear(parent.as_fd(), &place, entry)?;
                self.make(parent.as_fd(), &place, entry, archive)?;
                if entry.kind == Kind::Directory {
                    if was_whiteout {
                        self.make_opaque(self.open(parent.as_fd(), &place.name)?.as_fd())?;
                    }
                    self.times.insert(place.path(), entry.changed);
                }
                self.last = Some((place.parent, parent));
                Ok(())
            }
        }
    }

    /// Everything is in it: set what could not be set before. How large it is, and what it lacks.
    pub(super) fn finish(self) -> Result<(u64, LeftOut)> {
        // The deepest first: to set the time of a directory does not change the one above it.
        for (path, changed) in self.times.iter().rev() {
            // It may have been replaced since.
            match self.open(self.root, path) {
                Ok(dir) => at::utimensat(dir.as_fd(), Path::new("."), *changed)?,
                Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((self.size, self.left_out))
    }

    /// Open a directory in it, for others to be found below.
    fn open(&self, from: BorrowedFd, path: &Path) -> kernel::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        at::openat2(from, path, OFlags::RDONLY | OFlags::DIRECTORY, 0, INSIDE)
    }

    /// The directory of this path; what of it the archive does not have is made.
    fn directory(&mut self, path: &Path) -> Result<OwnedFd> {
        if let Some((_, dir)) = self.last.take_if(|(last, _)| last == path) {
            return Ok(dir);
        }
        match self.open(self.root, path) {
            Ok(dir) => return Ok(dir),
            Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => return Err(out_of(path, error)),
        }
        let mut dir = self.open(self.root, Path::new("."))?;
        let mut so_far = PathBuf::new();
        for part in path {
            so_far.push(part);
            let part = Path::new(part);
            let found = look(dir.as_fd(), part)?;
            if found == Found::Whiteout {
                at::unlinkat(dir.as_fd(), part, at::AtFlags::empty())?;
            }
            if matches!(found, Found::Nothing | Found::Whiteout) {
                at::mkdirat(dir.as_fd(), part, 0o755)?;
                at::fchmodat(dir.as_fd(), part, 0o755)?;
                self.times.insert(so_far.clone(), (0, 0));
            }
            dir = self.open(dir.as_fd(), part).map_err(|error| out_of(&so_far, error))?;
            if found == Found::Whiteout {
                self.make_opaque(dir.as_fd())?;
            }
        }
        Ok(dir)
    }

    /// Remove what has this name already, if it has to make room. Whether that was a whiteout.
    fn clear(&self, parent: BorrowedFd, place: &Place, entry: &Entry) -> Result<bool> {
        let found = look(parent, &place.name)?;
        let flags = match found {
            Found::Nothing => return Ok(false),
            Found::Directory if entry.kind == Kind::Directory => return Ok(false),
            Found::Directory => at::AtFlags::REMOVEDIR,
            Found::Whiteout | Found::Other => at::AtFlags::empty(),
        };
        match at::unlinkat(parent, &place.name, flags) {
            Err(error) if matches!(error.errno, Errno::ENOTEMPTY | Errno::EEXIST) => {
                Err(Error::Hostile(format!("{} would replace a directory that is not empty", entry.shown())))
            }
            removed => removed.map(|()| found == Found::Whiteout).map_err(Error::from),
        }
    }

    /// What lower layers have of this name is gone. What this layer has of it stays.
    fn whiteout(&mut self, place: &Place) -> Result<()> {
        let parent = self.directory(&place.parent)?;
        match look(parent.as_fd(), &place.name)? {
            Found::Nothing => at::mknodat(parent.as_fd(), &place.name, Node::Character(0, 0), 0)?,
            Found::Directory => self.make_opaque(self.open(parent.as_fd(), &place.name)?.as_fd())?,
            Found::Whiteout | Found::Other => {}
        }
        self.last = Some((place.parent.clone(), parent));
        Ok(())
    }

    fn make_opaque(&self, dir: BorrowedFd) -> Result<()> {
        Ok(at::fsetxattr(dir, OPAQUE[usize::from(self.powers.root)], b"y")?)
    }

    /// Where a hard link leads: to a file that this archive has had, by its own path.
    pub(super) fn target(&mut self, entry: &Entry) -> Result<(OwnedFd, PathBuf)> {
        let to = shown(&entry.link);
        let nowhere =
            |why: &str| Error::Hostile(format!("the hard link {} leads to {to}, {why}", entry.shown()));
        let Some(Place { parent, name }) = place(&entry.link).map_err(|_| nowhere("out of the image"))?
        else {
            return Err(nowhere("which is the root"));
        };
        let dir = match self.open(self.root, &parent) {
            Ok(dir) => dir,
            Err(error) if error.errno == Errno::ENOENT => return Err(nowhere("which is not there")),
            Err(error) => return Err(out_of(&parent, error)),
        };
        match look(dir.as_fd(), &name)? {
            Found::Nothing => Err(nowhere("which is not there")),
            Found::Directory => Err(nowhere("which is a directory")),
            Found::Whiteout => Err(nowhere("which is a whiteout")),
            Found::Other => Ok((dir, name)),
        }
    }
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Directory,
    Whiteout,
    Other,
}

fn look(parent: BorrowedFd, name: &Path) -> Result<Found> {
    use rustix::fs::{AtFlags, FileType, statat};
    let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(rustix::io::Errno::NOENT) => return Ok(Found::Nothing),
        Err(error) => {
            return Err(Error::Io { what: "cannot look at a file of the image".into(), why: error.into() });
        }
    };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Found::Directory,
        FileType::CharacterDevice if stat.st_rdev == 0 => Found::Whiteout,
        _ => Found::Other,
    })
}

/// Why a path has no directory.
fn out_of(path: &Path, error: kernel::Error) -> Error {
    let path = shown(path.as_os_str().as_encoded_bytes());
    match error.errno {
        Errno::ELOOP => Error::Hostile(format!("the way to {path} goes through a symbolic link")),
        Errno::ENOTDIR => Error::Hostile(format!("the way to {path} goes through a file")),
        Errno::EXDEV => Error::Hostile(format!("the way to {path} leads out of the image")),
        _ => Error::Kernel(error),
    }
}

/// The name of an attribute that belongs to the file, and not to the machine or to overlayfs.
pub(in crate::image) fn is_portable(name: &str) -> bool {
    name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."))
}

/// A name as the kernel takes it.
pub(super) fn path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(OsStr::from_bytes(bytes))
}
