//! Subvolumes of btrfs: directories that are trees of their own, and can be copied in no time.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::record::{call, quoted};
use super::{Result, raw};

/// `ioctl(BTRFS_IOC_SUBVOL_CREATE)`: make an empty subvolume in a directory.
/// <https://docs.kernel.org/filesystems/btrfs.html>
pub fn subvolume_create(dir: impl AsFd, name: &str) -> Result<()> {
    let dir = dir.as_fd();
    call("ioctl", || args(dir, "BTRFS_IOC_SUBVOL_CREATE", name), || raw::btrfs_subvolume_create(dir, name))
}

/// `ioctl(BTRFS_IOC_SNAP_CREATE)`: make a subvolume that begins with all that another one has. Blocks are shared until
/// one of them writes.
/// <https://docs.kernel.org/filesystems/btrfs.html>
pub fn snapshot_create(dir: impl AsFd, name: &str, of: impl AsFd) -> Result<()> {
    let (dir, of) = (dir.as_fd(), of.as_fd());
    let args = || format!("{}, fd={}", args(dir, "BTRFS_IOC_SNAP_CREATE", name), of.as_raw_fd());
    call("ioctl", args, || raw::btrfs_snapshot_create(dir, name, of))
}

/// `ioctl(BTRFS_IOC_SNAP_DESTROY)`: remove a subvolume with all that is in it. Only root may, unless the file system is
/// mounted with `user_subvol_rm_allowed`.
/// <https://docs.kernel.org/filesystems/btrfs.html>
pub fn snapshot_destroy(dir: impl AsFd, name: &str) -> Result<()> {
    let dir = dir.as_fd();
    call("ioctl", || args(dir, "BTRFS_IOC_SNAP_DESTROY", name), || raw::btrfs_snapshot_destroy(dir, name))
}

fn args(dir: BorrowedFd, request: &str, name: &str) -> String {
    format!("{}, {request}, name={}", dir.as_raw_fd(), quoted(name))
}
