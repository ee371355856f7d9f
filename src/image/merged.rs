//! Layers as overlayfs merges them, read without a mount: the upper directory wins, whiteouts hide, and links lead
//! nowhere but inside.
//! <https://docs.kernel.org/filesystems/overlayfs.html>

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Stat, major, minor, readlinkat, statat};

use super::error::{Error, Result, doing};
use super::marks::{Marks, is_whiteout, names, open, reading};
use super::tar::{Attribute, Entry, Kind};
use crate::kernel::at::OFlags;

/// The most links on the way of one path, as the kernel has it: `MAXSYMLINKS`.
const MOST_LINKS: usize = 40;

/// A directory as it looks merged: what the layers have of it, the uppermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory(Vec<Rc<OwnedFd>>);

/// What has a name in a directory.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) stat: Stat,
    /// Where it is, and its name there.
    parent: Rc<OwnedFd>,
    name: OsString,
    /// What is in it, if it is a directory.
    pub(super) directory: Option<Directory>,
}

/// Where a path leads.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Without a link on it, from the root.
    pub(super) path: PathBuf,
    /// What is there, a directory for all but the last; the root is not among them.
    pub(super) found: Vec<Found>,
}

impl Way {
    /// What the path means, if all of it is there; `None` for the root, too.
    pub(super) fn last(&self) -> Option<&Found> {
        self.found.last().filter(|_| self.is_there())
    }

    /// Whether all of it is there.
    pub(super) fn is_there(&self) -> bool {
        self.found.len() == self.path.components().count()
    }
}

impl Directory {
    /// The root of these directories, the uppermost first.
    pub(super) fn root<P: AsRef<Path>>(layers: impl IntoIterator<Item = P>) -> Result<Self> {
        let open = |path: P| {
            let path = path.as_ref();
            let opened = File::open(path);
            doing(format!("cannot read {}", path.display()), opened).map(|file| Rc::new(OwnedFd::from(file)))
        };
        let mut root = Self::default();
        for layer in layers {
            let layer = open(layer)?;
            let opaque = Marks::of(layer.as_fd(), Path::new("/"))?.opaque;
            root.0.push(layer);
            if opaque {
                break;
            }
        }
        Ok(root)
    }

    /// What has this name, in the uppermost layer that says something of it.
    pub(super) fn look(&self, name: &OsStr) -> Result<Option<Found>> {
        let mut found: Option<Found> = None;
        for parent in &self.0 {
            let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => continue,
                stat => reading(Path::new(name), stat)?,
            };
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if is_whiteout(parent.as_fd(), name, &stat)? {
                break;
            }
            match &mut found {
                None if !is_directory => {
                    let (parent, name) = (parent.clone(), name.into());
                    return Ok(Some(Found { stat, parent, name, directory: None }));
                }
                None => {
                    let (parent, name) = (parent.clone(), name.into());
                    found = Some(Found { stat, parent, name, directory: Some(Self::default()) });
                }
                // What is no directory ends the merge.
                Some(_) if !is_directory => break,
                Some(_) => {}
            }
            let below = open(parent.as_fd(), Path::new(name), OFlags::RDONLY | OFlags::DIRECTORY)?;
            let opaque = Marks::of(below.as_fd(), Path::new(name))?.opaque;
            if let Some(Found { directory: Some(directory), .. }) = &mut found {
                directory.0.push(Rc::new(below));
            }
            if opaque {
                break;
            }
        }
        Ok(found)
    }

    /// The names in it that can be seen, in order.
    pub(super) fn names(&self) -> Result<BTreeSet<OsString>> {
        let (mut seen, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for layer in &self.0 {
            for name in names(layer.as_fd())? {
                let stat = reading(Path::new(&name), statat(layer, &name, AtFlags::SYMLINK_NOFOLLOW))?;
                if is_whiteout(layer.as_fd(), &name, &stat)? {
                    hidden.insert(name);
                } else if !hidden.contains(&name) {
                    seen.insert(name);
                }
            }
        }
        Ok(seen)
    }

    /// Where a path leads from this root. Links on it are followed, the last one too, and never lead above the root.
    pub(super) fn resolve(&self, path: &Path) -> Result<Way> {
        self.follow(path, true)
    }

    /// The same, but if the last is a link, it is meant itself.
    pub(super) fn resolve_but_last(&self, path: &Path) -> Result<Way> {
        self.follow(path, false)
    }

    fn follow(&self, path: &Path, last_too: bool) -> Result<Way> {
        let mut way = Way::default();
        let mut rest: Vec<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                way.path.pop();
                way.found.truncate(way.path.components().count());
                continue;
            }
            let found = match way.is_there() {
                false => None,
                true => match way.found.last() {
                    None => self.look(&part)?,
                    Some(Found { directory: Some(directory), .. }) => directory.look(&part)?,
                    Some(_) => return Err(not_a_directory(&way.path)),
                },
            };
            let is_followed = last_too || !rest.is_empty();
            let link = found.as_ref().filter(|found| is_followed && found.kind() == FileType::Symlink);
            if let Some(link) = link {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::Hostile(format!("too many links on the way to {}", path.display())));
                }
                let target = PathBuf::from(OsString::from_vec(link.link()?));
                if target.is_absolute() {
                    way = Way::default();
                }
                rest.extend(parts(&target));
                continue;
            }
            way.path.push(&part);
            way.found.extend(found);
        }
        Ok(way)
    }
}

fn not_a_directory(path: &Path) -> Error {
    Error::Damaged(format!("/{} is no directory", path.display()))
}

/// The components of a path that go somewhere, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |part: Component| match part {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

impl Found {
    /// What it is called.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// What it is.
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Where a symbolic link leads.
    pub(super) fn link(&self) -> Result<Vec<u8>> {
        reading(Path::new(&self.name), readlinkat(&self.parent, &self.name, vec![])).map(CString::into_bytes)
    }

    /// The file, to be read.
    pub(super) fn open(&self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        open(self.parent.as_fd(), Path::new(&self.name), flags).map(File::from)
    }

    /// All that is in the file, if it is no longer than this.
    pub(super) fn content(&self, longest: u64) -> Result<Vec<u8>> {
        let mut content = vec![];
        let read = self.open()?.take(longest).read_to_end(&mut content);
        doing(format!("cannot read {}", self.name.display()), read)?;
        Ok(content)
    }

    /// Its attributes that belong into a layer.
    pub(super) fn attributes(&self) -> Result<Vec<Attribute>> {
        match (&self.directory, self.kind()) {
            (Some(Directory(layers)), _) => match layers.first() {
                Some(uppermost) => Ok(Marks::of(uppermost.as_fd(), Path::new(&self.name))?.attributes),
                None => Ok(vec![]),
            },
            (None, FileType::RegularFile) => {
                Ok(Marks::of(self.open()?.as_fd(), Path::new(&self.name))?.attributes)
            }
            _ => Ok(vec![]),
        }
    }

    /// An entry of an archive for it as it is, under this path. The content of a file has to follow.
    pub(super) fn entry(&self, path: &Path) -> Result<Entry> {
        let stat = &self.stat;
        let device = || (major(stat.st_rdev).into(), minor(stat.st_rdev).into());
        let kind = match self.kind() {
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::SymbolicLink,
            FileType::CharacterDevice => Kind::Character(device().0, device().1),
            FileType::BlockDevice => Kind::Block(device().0, device().1),
            FileType::Fifo => Kind::Fifo,
            _ => Kind::File,
        };
        Ok(Entry {
            path: if kind == Kind::Directory {
                directory_name(path)
            } else {
                path.as_os_str().as_bytes().into()
            },
            link: if kind == Kind::SymbolicLink { self.link()? } else { vec![] },
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid.into(),
            gid: stat.st_gid.into(),
            changed: (stat.st_mtime, 0),
            size: if kind == Kind::File { stat.st_size.try_into().unwrap_or(0) } else { 0 },
            attributes: self.attributes()?,
        })
    }
}

/// The path of a directory in an archive.
pub(super) fn directory_name(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), b"/"].concat()
}
