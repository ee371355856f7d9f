//! Files and directories, and the kernel files that are written to.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, makedev};

use super::record::{call, flag_names, quoted};
use super::{Result, error, raw};

pub use super::raw::Mapping;

pub use nix::unistd::AccessFlags;

/// `mkdir(2)`.
/// <https://man7.org/linux/man-pages/man2/mkdir.2.html>
pub fn mkdir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    call(
        "mkdir",
        || format!("{}, 0755", quoted(path.display())),
        || nix::unistd::mkdir(path, Mode::from_bits_truncate(0o755)),
    )
}

/// `rmdir(2)`.
/// <https://man7.org/linux/man-pages/man2/rmdir.2.html>
pub fn rmdir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    call("rmdir", || quoted(path.display()), || io(std::fs::remove_dir(path)))
}

/// `unlink(2)`: take a name away; the file goes when nothing holds it any more.
/// <https://man7.org/linux/man-pages/man2/unlink.2.html>
pub fn unlink(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    call("unlink", || quoted(path.display()), || nix::unistd::unlink(path))
}

/// `rename(2)`: another name for the same file, in one step.
/// <https://man7.org/linux/man-pages/man2/rename.2.html>
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let args = || format!("{}, {}", quoted(from.display()), quoted(to.display()));
    call("rename", args, || io(std::fs::rename(from, to)))
}

/// `link(2)`: one more name for the same file.
/// <https://man7.org/linux/man-pages/man2/link.2.html>
pub fn link(path: impl AsRef<Path>, new: impl AsRef<Path>) -> Result<()> {
    let (path, new) = (path.as_ref(), new.as_ref());
    let args = || format!("{}, {}", quoted(path.display()), quoted(new.display()));
    call("link", args, || io(std::fs::hard_link(path, new)))
}

/// `chmod(2)`.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn chmod(path: impl AsRef<Path>, mode: u32) -> Result<()> {
    let path = path.as_ref();
    let args = || format!("{}, 0{mode:o}", quoted(path.display()));
    call("chmod", args, || io(std::fs::set_permissions(path, Permissions::from_mode(mode))))
}

/// `chown(2)`: give a file to another user and his group, by the numbers that they have here.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn chown(path: impl AsRef<Path>, uid: u32, gid: u32) -> Result<()> {
    let path = path.as_ref();
    let args = || format!("{}, {uid}, {gid}", quoted(path.display()));
    call("chown", args, || io(std::os::unix::fs::chown(path, Some(uid), Some(gid))))
}

/// `symlink(2)`.
/// <https://man7.org/linux/man-pages/man2/symlink.2.html>
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<()> {
    let (target, link) = (target.as_ref(), link.as_ref());
    let args = || format!("{}, {}", quoted(target.display()), quoted(link.display()));
    call("symlink", args, || io(std::os::unix::fs::symlink(target, link)))
}

/// `mknod(2)` of a character device that everybody may read and write.
/// <https://man7.org/linux/man-pages/man2/mknod.2.html>
pub fn mknod(path: impl AsRef<Path>, major: u64, minor: u64) -> Result<()> {
    let path = path.as_ref();
    let args = || format!("{}, S_IFCHR|0666, makedev({major:#x}, {minor:#x})", quoted(path.display()));
    call("mknod", args, || {
        nix::sys::stat::mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(major, minor))
    })
}

/// `umask(2)`: which permission bits new files do not get; returns those before.
pub fn umask(mask: u32) -> Result<()> {
    call(
        "umask",
        || format!("{mask:#05o}").replace("0o", "0"),
        || {
            let before = nix::sys::stat::umask(Mode::from_bits_truncate(mask));
            Ok(format!("{:#05o}", before.bits()).replace("0o", "0"))
        },
    )
    .map(drop)
}

/// `chdir(2)`.
/// <https://man7.org/linux/man-pages/man2/chdir.2.html>
pub fn chdir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    call("chdir", || quoted(path.display()), || nix::unistd::chdir(path))
}

/// `fchdir(2)`: the same by a descriptor of the directory, wherever that is.
/// <https://man7.org/linux/man-pages/man2/chdir.2.html>
pub fn fchdir(dir: &OwnedFd) -> Result<()> {
    call("fchdir", || dir.as_raw_fd().to_string(), || nix::unistd::fchdir(dir))
}

/// `chroot(2)`: begin every path with a `/` at this directory, for this process and its children.
/// <https://man7.org/linux/man-pages/man2/chroot.2.html>
pub fn chroot(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    call("chroot", || quoted(path.display()), || nix::unistd::chroot(path))
}

/// `write(2)` to a file that is there, in one go, as the kernel's own files want it.
/// <https://man7.org/linux/man-pages/man2/write.2.html>
pub fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
    put(path.as_ref(), text.as_ref(), OpenOptions::new().write(true))
}

/// Make a file with this content: `open(2)` with `O_CREAT | O_TRUNC`, then `write(2)`.
pub fn create(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
    put(path.as_ref(), text.as_ref(), OpenOptions::new().write(true).create(true).truncate(true).mode(0o644))
}

/// Make a file of this many zeros, none of them a hole, in one `write(2)`: each takes space.
pub fn create_filled(path: impl AsRef<Path>, length: usize) -> Result<()> {
    let path = path.as_ref();
    // Memory that nobody has written to is one page of zeros, seen many times.
    let zeros = vec![0; length];
    let args = || format!("{}, \"\\0\"...", quoted(path.display()));
    let filled = || io(File::create(path).and_then(|mut file| file.write_all(&zeros)));
    call("write", args, || filled().map(|()| length)).map(drop)
}

/// Add to the end of a file: `open(2)` with `O_APPEND`, then `write(2)`.
pub fn append(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
    put(path.as_ref(), text.as_ref(), OpenOptions::new().append(true))
}

fn put(path: &Path, text: &[u8], options: &OpenOptions) -> Result<()> {
    let content = || format!("{}, {}", quoted(path.display()), quoted(String::from_utf8_lossy(text)));
    let mut file = match options.open(path) {
        Ok(file) => file,
        // Narrated only when it is what failed: the path is part of the write.
        Err(failed) => return call("open", content, || io(Err(failed))),
    };
    if text.is_empty() {
        return call("open", || format!("{}, O_CREAT", quoted(path.display())), || Ok(()));
    }
    call("write", content, || io(file.write_all(text)).map(|()| text.len())).map(drop)
}

/// `ftruncate(2)` of a new file: a length without content takes no space ("sparse").
/// <https://man7.org/linux/man-pages/man2/truncate.2.html>
pub fn create_sparse(path: impl AsRef<Path>, length: u64) -> Result<()> {
    let path = path.as_ref();
    let args = || format!("{}, {length}", quoted(path.display()));
    call("ftruncate", args, || io(File::create(path).and_then(|file| file.set_len(length))))
}

/// `ftruncate(2)` of an open file that may have no name: what is added is a hole, which reads as zeros and
/// takes no space.
/// <https://man7.org/linux/man-pages/man2/truncate.2.html>
pub fn ftruncate(file: &File, length: u64) -> Result<()> {
    call("ftruncate", || format!("{}, {length}", file.as_raw_fd()), || io(file.set_len(length)))
}

/// `sendfile(2)`: a whole file with its permissions, copied by the kernel into a new one.
/// <https://man7.org/linux/man-pages/man2/sendfile.2.html>
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let args = || format!("{}, {}", quoted(from.display()), quoted(to.display()));
    call("sendfile", args, || io(send_whole_file(from, to))).map(drop)
}

fn send_whole_file(from: &Path, to: &Path) -> std::io::Result<usize> {
    let source = File::open(from)?;
    let mode = source.metadata()?.permissions().mode() & 0o777;
    let target = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(to)?;
    let mut copied = 0;
    loop {
        // The most that one call moves.
        match rustix::fs::sendfile(&target, &source, None, 0x7fff_f000)? {
            0 => return Ok(copied),
            bytes => copied += bytes,
        }
    }
}

/// `access(2)` with `R_OK` or `W_OK`: whether the caller could open it so, without opening it.
/// <https://man7.org/linux/man-pages/man2/access.2.html>
pub fn access(path: impl AsRef<Path>, mode: AccessFlags) -> Result<()> {
    let path = path.as_ref();
    let args = || format!("{}, {}", quoted(path.display()), flag_names(&mode));
    call("access", args, || nix::unistd::access(path, mode))
}

/// `open(2)` with `O_RDONLY`: a descriptor of what is there.
/// <https://man7.org/linux/man-pages/man2/open.2.html>
pub fn open(path: impl AsRef<Path>) -> Result<OwnedFd> {
    let path = path.as_ref();
    let args = || format!("{}, O_RDONLY", quoted(path.display()));
    call("open", args, || nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()))
}

/// `mmap(2)` with `PROT_READ` and `MAP_SHARED`: the beginning of an open file, to be read as memory.
/// <https://man7.org/linux/man-pages/man2/mmap.2.html>
pub fn mmap(file: &OwnedFd, length: usize) -> Result<Mapping> {
    let args = || format!("NULL, {length}, PROT_READ, MAP_SHARED, {}, 0", file.as_raw_fd());
    call("mmap", args, || raw::mmap(file.as_fd(), length))
}

/// `open(2)` with `O_TMPFILE`: a file without a name in a directory, gone with its last descriptor.
/// <https://man7.org/linux/man-pages/man2/open.2.html>
pub fn open_unnamed(dir: impl AsRef<Path>) -> Result<File> {
    let dir = dir.as_ref();
    let args = || format!("{}, O_TMPFILE", quoted(dir.display()));
    let made = call("open", args, || {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        nix::fcntl::open(dir, flags, Mode::from_bits_truncate(0o600))
    })?;
    Ok(File::from(made))
}

fn io<T>(result: std::io::Result<T>) -> nix::Result<T> {
    result.map_err(|failed| error::io_errno(&failed))
}

/// Record a removal that was tried until it was possible.
pub(super) fn removed(name: &'static str, path: &Path, result: std::io::Result<()>) -> Result<()> {
    let mut result = Some(result);
    call(name, || quoted(path.display()), || io(result.take().unwrap_or(Ok(()))))
}
