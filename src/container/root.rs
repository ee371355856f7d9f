//! A root file system of one's own.

use std::path::Path;

use crate::kernel::mount::{Flags, UmountFlags, mount, pivot_root, umount2};
use crate::kernel::{Result, fs};

/// Where the old root stays until [`forget_old_root`].
pub const OLD_ROOT: &str = "/old";

/// Mount `image` read-only below an empty writable layer, at `merged`.
///
/// `upper` and `work` must be empty directories of one file system.
/// <https://docs.kernel.org/filesystems/overlayfs.html>
pub fn mount_layers(image: &Path, upper: &Path, work: &Path, merged: &Path) -> Result<()> {
    let options =
        format!("lowerdir={},upperdir={},workdir={}", image.display(), upper.display(), work.display());
    mount("overlay", merged, "overlay", Flags::empty(), &options)
}

/// Make `new_root`, which has to be a mount point, the root; the old one stays visible at [`OLD_ROOT`].
/// <https://man7.org/linux/man-pages/man2/pivot_root.2.html>
pub fn enter(new_root: &Path) -> Result<()> {
    fs::chdir(new_root)?;
    fs::mkdir("old")?;
    pivot_root(".", "old")?;
    fs::chdir("/")
}

/// Take the old root away: from here on no path leads to the host's files.
pub fn forget_old_root() -> Result<()> {
    umount2(OLD_ROOT, UmountFlags::MNT_DETACH)?;
    fs::rmdir(OLD_ROOT)
}
