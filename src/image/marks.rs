//! What the files of a layer's directory say beside their content: attributes that belong to them, and the marks of
//! overlayfs.
//! <https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories>

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{Dir, FileType, Stat, fgetxattr, flistxattr};

use super::error::{Error, Result};
use super::tar::{Attribute, shown};
use crate::kernel::Errno;
use crate::kernel::at::{OFlags, ResolveFlags, openat2};

/// What the extended attributes of a file say.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Those that belong into a layer, in order.
    pub(super) attributes: Vec<Attribute>,
    /// Whether nothing of lower layers shows in this directory.
    pub(super) opaque: bool,
    /// Whether it hides what lower layers have of its name.
    pub(super) whiteout: bool,
}

impl Marks {
    /// Of an open file; `path` is what it is called.
    pub(super) fn of(file: BorrowedFd, path: &Path) -> Result<Self> {
        let mut names = vec![0; 1 << 16];
        let length = match flistxattr(file, &mut names[..]) {
            Err(rustix::io::Errno::OPNOTSUPP) => 0,
            length => reading(path, length)?,
        };
        let mut marks = Self::default();
        for name in names[..length].split_inclusive(|byte| *byte == 0) {
            let Some(name) = CStr::from_bytes_with_nul(name).ok().and_then(|name| name.to_str().ok()) else {
                continue;
            };
            let value = || {
                let mut value = vec![0; 1 << 16];
                let length = reading(path, fgetxattr(file, name, &mut value[..]))?;
                value.truncate(length);
                Ok::<_, Error>(value)
            };
            let of_overlay = ["trusted.overlay.", "user.overlay."];
            match of_overlay.iter().find_map(|prefix| name.strip_prefix(prefix)) {
                Some("opaque") => marks.opaque = value()? == b"y",
                Some("whiteout") => marks.whiteout = true,
                Some(kept @ ("redirect" | "metacopy")) => {
                    let path = path.display();
                    return Err(Error::Unsupported(format!(
                        "{path} was written with overlayfs's {kept}, and belongs to its lower layers"
                    )));
                }
                None if super::unpack::is_portable(name) => marks.attributes.push((name.into(), value()?)),
                _ => {}
            }
        }
        marks.attributes.sort();
        Ok(marks)
    }
}

/// The names in one directory, in the order of the disk.
pub(super) fn names(dir: BorrowedFd) -> Result<Vec<OsString>> {
    let mut names = vec![];
    for entry in reading(Path::new("."), Dir::read_from(dir))? {
        let name = reading(Path::new("."), entry)?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// Whether a file hides what lower layers have of its name: a device 0, 0, or an empty file that is marked so.
pub(super) fn is_whiteout(parent: BorrowedFd, name: &OsStr, stat: &Stat) -> Result<bool> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => Ok(stat.st_rdev == 0),
        FileType::RegularFile if stat.st_size == 0 && stat.st_nlink == 1 => {
            let path = Path::new(name);
            match openat2(parent, path, OFlags::RDONLY | OFlags::NOFOLLOW, 0, BENEATH) {
                // Nobody but overlayfs marks files, and what it marks can be read.
                Err(error) if error.errno == Errno::EACCES => Ok(false),
                file => Ok(Marks::of(file?.as_fd(), path)?.whiteout),
            }
        }
        _ => Ok(false),
    }
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// Open a name in a directory, which is no link.
pub(super) fn open(dir: BorrowedFd, name: &Path, flags: OFlags) -> Result<OwnedFd> {
    Ok(openat2(dir, name, flags | OFlags::NOFOLLOW, 0, BENEATH)?)
}

/// Adds what was being read to an error.
pub(super) fn reading<T>(path: &Path, result: rustix::io::Result<T>) -> Result<T> {
    let what = || format!("cannot read {}", shown(path.as_os_str().as_bytes()));
    result.map_err(|error| Error::Io { what: what(), why: error.into() })
}
