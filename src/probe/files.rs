//! Files and directories: what is in them, and proof that it stayed the same.

use std::ffi::CStr;
use std::fs;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use sha2::{Digest, Sha256};

use super::{Reading, Result, refused, unreadable};
use crate::kernel::error::io_errno;

/// The names in a directory, sorted; a whiteout, overlayfs's mark for "deleted", is shown as such.
pub fn listing(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let mut names = vec![];
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, error))? {
        let entry = entry.map_err(|error| unreadable(dir, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let mark = if is_whiteout(&entry.path()) { " (whiteout)" } else { "" };
        names.push(format!("{name}{mark}"));
    }
    names.sort();
    let text = if names.is_empty() { "(empty)".to_string() } else { names.join("  ") };
    Ok(Reading::new(dir.display().to_string(), dir.display().to_string(), text))
}

/// Read an open file to its end, as a program does that looks at every byte; returns how many there were.
pub fn read_through(file: &fs::File) -> Result<u64> {
    let copied = std::io::copy(&mut &*file, &mut std::io::sink());
    copied.map_err(|error| unreadable(Path::new("an open file"), error))
}

/// Every byte of a file.
pub fn content(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    fs::read(path).map_err(|error| refused(path, &error))
}

/// The name of the file system that an open file is on, if it is one that keeps content on a disk and
/// copies of it in the page cache.
pub fn disk_file_system(file: &fs::File) -> Option<&'static str> {
    const ON_DISK: [(i64, &str); 4] =
        [(0xef53, "ext4"), (0x5846_5342, "xfs"), (0x9123_683e, "btrfs"), (0xf2f5_2010, "f2fs")];
    let magic = rustix::fs::fstatfs(file).ok()?.f_type as i64;
    ON_DISK.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

/// The kind of file system that a path is on, by its magic number.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
pub fn file_system(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let magic = rustix::fs::statfs(path).map_err(|error| unreadable(path, error))?.f_type as u64;
    let name = match magic {
        0x0027_e0eb => "cgroup".into(),
        0x6367_7270 => "cgroup2".into(),
        0x9fa0 => "proc".into(),
        other => format!("{other:#x}"),
    };
    Ok(Reading::new("file system", format!("statfs {}", path.display()), name))
}

/// Whether overlayfs marks `path` as deleted: a character device with the number 0:0.
pub fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0)
}

/// What a name stands for: `file`, `directory`, `character device 0:0`.
pub fn kind(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let meta = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?;
    let file_type = meta.file_type();
    let text = if file_type.is_char_device() {
        format!("character device {}", numbers(meta.rdev()))
    } else if file_type.is_dir() {
        "directory".into()
    } else if file_type.is_symlink() {
        "symbolic link".into()
    } else if file_type.is_file() {
        "file".into()
    } else {
        "something else".into()
    };
    Ok(Reading::new(path.display().to_string(), path.display().to_string(), text))
}

/// What comes of reading a file or listing a directory: `content`, `nothing`, or the errno. One byte is enough to
/// know.
pub fn tells(path: impl AsRef<Path>) -> Reading {
    let path = path.as_ref();
    let one_byte = || fs::File::open(path)?.read(&mut [0]).map(|length| length > 0);
    let any =
        if path.is_dir() { fs::read_dir(path).map(|mut names| names.next().is_some()) } else { one_byte() };
    let text = match any {
        Ok(true) => "content".into(),
        Ok(false) => "nothing".into(),
        Err(error) => format!("{:?}", io_errno(&error)),
    };
    Reading::new(path.display().to_string(), path.display().to_string(), text)
}

/// How long a file is, in bytes.
pub fn length(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let length = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?.len();
    let name = path.display();
    Ok(Reading::new(format!("length of {name}"), format!("{name} st_size"), length.to_string()))
}

/// How many bytes a file takes on its file system: a hole takes none.
pub fn space(path: impl AsRef<Path>) -> Result<Reading> {
    const BLOCK: u64 = 512; // st_blocks counts in these, whatever the file system does
    let path = path.as_ref();
    let blocks = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?.blocks();
    let name = path.display();
    Ok(Reading::new(format!("space of {name}"), format!("{name} st_blocks"), (blocks * BLOCK).to_string()))
}

/// Which file system a path is on, by the number of its device.
pub fn device(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let device = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?.dev();
    let name = path.display();
    let reading = Reading::new(format!("file system of {name}"), format!("{name} st_dev"), numbers(device));
    Ok(reading.varying())
}

/// To whom a file belongs: `UID:GID`, as they are called here.
pub fn owner(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let meta = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?;
    let name = path.display();
    let text = format!("{}:{}", meta.uid(), meta.gid());
    Ok(Reading::new(format!("owner of {name}"), format!("{name} st_uid, st_gid"), text))
}

/// What a path leads to, by device and inode: the same for two paths to one file or directory.
pub fn identity(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let meta = fs::metadata(path).map_err(|error| refused(path, &error))?;
    let name = path.display();
    let text = format!("{} inode {}", numbers(meta.dev()), meta.ino());
    Ok(Reading::new(format!("identity of {name}"), format!("{name} st_dev, st_ino"), text).varying())
}

fn numbers(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

/// Watches directories for files that are moved from one to another, whoever moves them: even the kernel.
/// <https://man7.org/linux/man-pages/man7/inotify.7.html>
pub struct Watch {
    inotify: OwnedFd,
    dirs: Vec<(i32, String)>,
}

impl Watch {
    /// From now on.
    pub fn on(dirs: &[&str]) -> Result<Self> {
        let failed = |dir: &str, error| unreadable(Path::new(dir), error);
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .map_err(|error| failed("inotify", error))?;
        let mut watched = vec![];
        for dir in dirs {
            let number = inotify::add_watch(&inotify, *dir, WatchFlags::MOVE);
            watched.push((number.map_err(|error| failed(dir, error))?, (*dir).to_string()));
        }
        Ok(Self { inotify, dirs: watched })
    }

    /// The moves until now: `from/here -> to/there/name`, without the old name, which may be made up.
    pub fn moves(self) -> Result<Reading> {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut left: Vec<(u32, &str)> = vec![];
        let mut moves = vec![];
        while let Ok(event) = reader.next() {
            let dir = self.dirs.iter().find(|(number, _)| *number == event.wd());
            let dir = dir.map_or("", |(_, dir)| dir.as_str());
            if event.events().contains(ReadFlags::MOVED_FROM) {
                left.push((event.cookie(), dir));
            } else if event.events().contains(ReadFlags::MOVED_TO)
                && let Some((_, from)) = left.iter().find(|(cookie, _)| *cookie == event.cookie())
            {
                let name = event.file_name().map_or("?".into(), CStr::to_string_lossy);
                moves.push(format!("{from} -> {dir}/{name}"));
            }
        }
        let dirs: Vec<&str> = self.dirs.iter().map(|(_, dir)| dir.as_str()).collect();
        let text = if moves.is_empty() { "no move".into() } else { moves.join("  ") };
        Ok(Reading::new("moves", format!("inotify on {}", dirs.join(", ")), text))
    }
}

/// SHA-256 over every name and content below a directory, shortened to twelve digits.
///
/// A sparse file counts with its length and its data, so that a file of a gigabyte of nothing costs nothing.
pub fn fingerprint(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let mut hash = Sha256::new();
    hash_tree(dir, &mut hash)?;
    let digits: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(Reading::new(
        format!("sha256 of {}", dir.display()),
        format!("{} (names and content)", dir.display()),
        digits,
    ))
}

fn hash_tree(dir: &Path, hash: &mut Sha256) -> Result<()> {
    let failed = |error| unreadable(dir, error);
    let mut entries =
        fs::read_dir(dir).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let meta = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, error))?;
        hash.update(entry.file_name().as_encoded_bytes());
        hash.update(meta.len().to_le_bytes());
        if meta.is_dir() {
            hash_tree(&path, hash)?;
        } else if meta.is_file() && meta.blocks() > 0 {
            hash.update(fs::read(&path).map_err(|error| unreadable(&path, error))?);
        }
    }
    Ok(())
}
