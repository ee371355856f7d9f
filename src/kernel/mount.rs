//! Mounts: made, moved into place as the root, taken away.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags};

use super::record::{call, flag_names, quoted};
use super::{Result, error};

pub use nix::mount::MntFlags as UmountFlags;
pub use nix::mount::MsFlags as Flags;

/// `mount(2)`. An empty string stands for `NULL`: no source, no type, no options.
/// <https://man7.org/linux/man-pages/man2/mount.2.html>
pub fn mount(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    fstype: &str,
    flags: Flags,
    data: &str,
) -> Result<()> {
    let (source, target) = (source.as_ref(), target.as_ref());
    let source = Some(source).filter(|path| !path.as_os_str().is_empty());
    let fstype = Some(fstype).filter(|text| !text.is_empty());
    let data = Some(data).filter(|text| !text.is_empty());
    let null = || "NULL".to_string();
    let args = || {
        format!(
            "{}, {}, {}, {}, {}",
            source.map_or_else(null, |path| quoted(path.display())),
            quoted(target.display()),
            fstype.map_or_else(null, quoted),
            flag_names(&flags),
            data.map_or_else(null, quoted),
        )
    };
    call("mount", args, || nix::mount::mount(source, target, fstype, flags, data))
}

/// `mount(2)` with `MS_REC | MS_PRIVATE`: from here on mounts made below `target` stay in this
/// mount namespace, and those made elsewhere do not come in.
/// <https://man7.org/linux/man-pages/man7/mount_namespaces.7.html>
pub fn make_private(target: impl AsRef<Path>) -> Result<()> {
    mount("", target, "", Flags::MS_REC | Flags::MS_PRIVATE, "")
}

/// `mount(2)` with `MS_BIND`: the same directory or file, visible at a second place.
pub fn bind(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<()> {
    mount(source, target, "", Flags::MS_BIND, "")
}

/// `umount2(2)`.
/// <https://man7.org/linux/man-pages/man2/umount.2.html>
pub fn umount2(target: impl AsRef<Path>, flags: UmountFlags) -> Result<()> {
    let target = target.as_ref();
    let args = || format!("{}, {}", quoted(target.display()), flag_names(&flags));
    call("umount2", args, || nix::mount::umount2(target, flags))
}

/// `pivot_root(2)`: make `new_root` the root of this mount namespace and put the old one at `put_old`.
/// <https://man7.org/linux/man-pages/man2/pivot_root.2.html>
pub fn pivot_root(new_root: &str, put_old: &str) -> Result<()> {
    call(
        "pivot_root",
        || format!("{}, {}", quoted(new_root), quoted(put_old)),
        || nix::unistd::pivot_root(new_root, put_old),
    )
}

/// `open_tree(2)` with `OPEN_TREE_CLONE`: a copy of the mount at `path`, and with `recursive` of those below it, that is
/// mounted nowhere yet. It can be carried to where `path` does not lead.
/// <https://man7.org/linux/man-pages/man2/open_tree.2.html>
pub fn open_tree(path: impl AsRef<Path>, recursive: bool) -> Result<OwnedFd> {
    let path = path.as_ref();
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    let args = || format!("AT_FDCWD, {}, {}", quoted(path.display()), flag_names(&flags));
    call("open_tree", args, || rustix::mount::open_tree(CWD, path, flags).map_err(error::errno))
}

/// `move_mount(2)`: mount what `open_tree` has opened on a file or directory that is open, too.
/// <https://man7.org/linux/man-pages/man2/move_mount.2.html>
pub fn move_mount(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    let args = || format!("{}, \"\", {}, \"\", {}", from.as_raw_fd(), to.as_raw_fd(), flag_names(&flags));
    call("move_mount", args, || rustix::mount::move_mount(from, "", to, "", flags).map_err(error::errno))
}

/// The same, on what is at a path.
/// <https://man7.org/linux/man-pages/man2/move_mount.2.html>
pub fn move_mount_to(from: &OwnedFd, to: impl AsRef<Path>) -> Result<()> {
    let to = to.as_ref();
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    let args =
        || format!("{}, \"\", AT_FDCWD, {}, {}", from.as_raw_fd(), quoted(to.display()), flag_names(&flags));
    call("move_mount", args, || rustix::mount::move_mount(from, "", CWD, to, flags).map_err(error::errno))
}
