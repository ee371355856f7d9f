//! Files and directories below a descriptor: what a name means does not change between a look and a step.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sys::stat::makedev;
use rustix::fs::{self, CWD, FileType, Gid, Timespec, Timestamps, Uid, XattrFlags};

use super::record::{call, flag_names, quoted};
use super::{Result, error};

pub use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};

/// `openat2(2)`: open a path below a directory, under conditions that the kernel holds at every component.
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2(
    dir: BorrowedFd,
    path: &Path,
    flags: OFlags,
    mode: u32,
    resolve: ResolveFlags,
) -> Result<OwnedFd> {
    let args = || {
        let (fd, path) = (dir.as_raw_fd(), quoted(path.display()));
        format!("{fd}, {path}, {} {mode:04o} {}", flag_names(&flags), flag_names(&resolve))
    };
    let flags = flags | OFlags::CLOEXEC;
    call("openat2", args, || rx(fs::openat2(dir, path, flags, Mode::from_raw_mode(mode), resolve)))
}

/// `mkdirat(2)`.
/// <https://man7.org/linux/man-pages/man2/mkdir.2.html>
pub fn mkdirat(dir: BorrowedFd, name: &Path, mode: u32) -> Result<()> {
    let args = || format!("{}, {mode:04o}", below(dir, name));
    call("mkdirat", args, || rx(fs::mkdirat(dir, name, Mode::from_raw_mode(mode))))
}

/// What `mknodat` can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device of this number.
    Character(u64, u64),
    /// A block device of this number.
    Block(u64, u64),
    /// A named pipe.
    Fifo,
}

/// `mknodat(2)`. The character device 0, 0 is a whiteout, which everybody may make.
/// <https://man7.org/linux/man-pages/man2/mknod.2.html>
pub fn mknodat(dir: BorrowedFd, name: &Path, node: Node, mode: u32) -> Result<()> {
    let (kind, device) = match node {
        Node::Character(major, minor) => (FileType::CharacterDevice, makedev(major, minor)),
        Node::Block(major, minor) => (FileType::BlockDevice, makedev(major, minor)),
        Node::Fifo => (FileType::Fifo, 0),
    };
    let args = || format!("{}, {node:?} {mode:04o}", below(dir, name));
    call("mknodat", args, || rx(fs::mknodat(dir, name, kind, Mode::from_raw_mode(mode), device)))
}

/// `symlinkat(2)`.
/// <https://man7.org/linux/man-pages/man2/symlink.2.html>
pub fn symlinkat(target: &Path, dir: BorrowedFd, name: &Path) -> Result<()> {
    let args = || format!("{}, {}", quoted(target.display()), below(dir, name));
    call("symlinkat", args, || rx(fs::symlinkat(target, dir, name)))
}

/// `linkat(2)`: a second name for a file. A symbolic link gets a second name itself.
/// <https://man7.org/linux/man-pages/man2/link.2.html>
pub fn linkat(from: BorrowedFd, old: &Path, to: BorrowedFd, new: &Path) -> Result<()> {
    let args = || format!("{}, {}, 0", below(from, old), below(to, new));
    call("linkat", args, || rx(fs::linkat(from, old, to, new, AtFlags::empty())))
}

/// `unlinkat(2)` of a file, or with `AT_REMOVEDIR` of an empty directory.
/// <https://man7.org/linux/man-pages/man2/unlink.2.html>
pub fn unlinkat(dir: BorrowedFd, name: &Path, flags: AtFlags) -> Result<()> {
    let args = || format!("{}, {}", below(dir, name), flag_names(&flags));
    call("unlinkat", args, || rx(fs::unlinkat(dir, name, flags)))
}

/// `fchownat(2)` of what has this name, not of what it links to.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn fchownat(dir: BorrowedFd, name: &Path, uid: u32, gid: u32) -> Result<()> {
    let args = || format!("{}, {uid}, {gid}, AT_SYMLINK_NOFOLLOW", below(dir, name));
    let (user, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    call("fchownat", args, || rx(fs::chownat(dir, name, user, group, AtFlags::SYMLINK_NOFOLLOW)))
}

/// `fchmodat(2)`. It follows links: only for what has just been made, and is none.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn fchmodat(dir: BorrowedFd, name: &Path, mode: u32) -> Result<()> {
    let args = || format!("{}, {mode:04o}", below(dir, name));
    call("fchmodat", args, || rx(fs::chmodat(dir, name, Mode::from_raw_mode(mode), AtFlags::empty())))
}

/// `utimensat(2)` of what has this name: when it was changed last, in seconds and nanoseconds.
/// <https://man7.org/linux/man-pages/man2/utimensat.2.html>
pub fn utimensat(dir: BorrowedFd, name: &Path, changed: (i64, u32)) -> Result<()> {
    let args = || format!("{}, {changed:?}, AT_SYMLINK_NOFOLLOW", below(dir, name));
    let time = Timespec { tv_sec: changed.0, tv_nsec: changed.1.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    call("utimensat", args, || rx(fs::utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW)))
}

/// `fsetxattr(2)`.
/// <https://man7.org/linux/man-pages/man2/setxattr.2.html>
pub fn fsetxattr(file: BorrowedFd, name: &str, value: &[u8]) -> Result<()> {
    let args = || format!("{}, {}, {} bytes, 0", file.as_raw_fd(), quoted(name), value.len());
    call("fsetxattr", args, || rx(fs::fsetxattr(file, name, value, XattrFlags::empty())))
}

/// How `flock` locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// `LOCK_SH`: together with others of the kind, as soon as nobody has it alone.
    Shared,
    /// `LOCK_EX`: alone, as soon as nobody has it.
    Alone,
    /// `LOCK_EX | LOCK_NB`: alone, or not at all.
    AloneAtOnce,
}

/// `flock(2)`: lock an open file or directory. The kernel lets go with its last descriptor, however that ends.
/// <https://man7.org/linux/man-pages/man2/flock.2.html>
pub fn flock(file: &File, lock: Lock) -> Result<()> {
    use rustix::fs::FlockOperation as Operation;
    let operation = match lock {
        Lock::Shared => Operation::LockShared,
        Lock::Alone => Operation::LockExclusive,
        Lock::AloneAtOnce => Operation::NonBlockingLockExclusive,
    };
    let args = || format!("{}, {lock:?}", file.as_raw_fd());
    call("flock", args, || {
        loop {
            match fs::flock(file, operation) {
                Err(rustix::io::Errno::INTR) => {}
                locked => return rx(locked),
            }
        }
    })
}

/// `rename(2)`: another name, in one step.
/// <https://man7.org/linux/man-pages/man2/rename.2.html>
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    let args = || format!("{}, {}", quoted(from.display()), quoted(to.display()));
    call("rename", args, || rx(fs::renameat(CWD, from, CWD, to)))
}

/// `syncfs(2)`: wait until all that was written to this file system is on its disk.
/// <https://man7.org/linux/man-pages/man2/sync.2.html>
pub fn syncfs(file: impl AsFd) -> Result<()> {
    let file = file.as_fd();
    call("syncfs", || file.as_raw_fd().to_string(), || rx(fs::syncfs(file)))
}

fn below(dir: BorrowedFd, name: &Path) -> String {
    format!("{}, {}", dir.as_raw_fd(), quoted(name.display()))
}

fn rx<T>(result: rustix::io::Result<T>) -> nix::Result<T> {
    result.map_err(error::errno)
}
