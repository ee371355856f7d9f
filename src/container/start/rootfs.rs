//! A root file system of layers, and the way into it.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::container::error::{Result, doing};
use crate::kernel::fs;
use crate::kernel::mount::{Flags, UmountFlags, bind, mount, pivot_root, umount2};

/// A root file system.
#[derive(Debug, Clone)]
pub enum Root {
    /// Directories on top of each other.
    Overlay(Overlay),
    /// A directory that is the container's own, and where to show it.
    Directory {
        /// What it has in it.
        dir: PathBuf,
        /// An empty directory.
        merged: PathBuf,
    },
}

/// An overlay mount.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// The read-only layers, the uppermost first.
    pub lower: Vec<PathBuf>,
    /// Where changes go.
    pub upper: PathBuf,
    /// Overlayfs's own, on the same file system.
    pub work: PathBuf,
    /// An empty directory to mount it at.
    pub merged: PathBuf,
    /// Whether it needs not outlive a power cut: then nothing waits for the disk.
    pub volatile: bool,
    /// Whether the layers were unpacked by an ordinary user.
    pub user_attributes: bool,
}

/// The options of a mount have to fit into a page.
const LONGEST: usize = 4000;

impl Root {
    /// Mount it, and make it the root. The old one is put on top of it, so nothing has to be made in the image for that.
    ///
    /// As long as the old root is there a path with `..` in it leads to the host: see [`leave_host`].
    /// <https://man7.org/linux/man-pages/man2/pivot_root.2.html>
    pub(super) fn enter(&self) -> Result<()> {
        let merged = match self {
            Root::Overlay(overlay) => {
                overlay.mount()?;
                &overlay.merged
            }
            Root::Directory { dir, merged } => {
                bind(dir, merged)?;
                mount("", merged, "", Flags::MS_BIND | Flags::MS_REMOUNT | Flags::MS_NODEV, "")?;
                merged
            }
        };
        fs::chdir(merged)?;
        Ok(pivot_root(".", ".")?)
    }
}

/// Take the old root away: from here on no path leads to the host's files.
pub(super) fn leave_host() -> Result<()> {
    umount2(".", UmountFlags::MNT_DETACH)?;
    Ok(fs::chdir("/")?)
}

impl Overlay {
    /// Devices that are in it, or are made in it, cannot be opened: those of the machine are not the container's.
    /// <https://docs.kernel.org/filesystems/overlayfs.html>
    fn mount(&self) -> Result<()> {
        let lower: Vec<String> = self.lower.iter().map(|dir| escaped(dir)).collect();
        let options = self.options(&lower.join(":"));
        if options.len() < LONGEST {
            return Ok(mount("overlay", &self.merged, "overlay", Flags::MS_NODEV, &options)?);
        }
        // Descriptors have shorter names than layers.
        let open = |dir: &PathBuf| doing(format!("cannot open {}", dir.display()), File::open(dir));
        let layers = self.lower.iter().map(open).collect::<Result<Vec<File>>>()?;
        let lower: Vec<String> =
            layers.iter().map(|layer| format!("/proc/self/fd/{}", layer.as_raw_fd())).collect();
        Ok(mount("overlay", &self.merged, "overlay", Flags::MS_NODEV, &self.options(&lower.join(":")))?)
    }

    fn options(&self, lower: &str) -> String {
        let (upper, work) = (escaped(&self.upper), escaped(&self.work));
        let mut options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        if self.volatile {
            options.push_str(",volatile");
        }
        if self.user_attributes {
            options.push_str(",userxattr");
        }
        options
    }
}

/// In options a comma ends a value, and a colon a layer.
fn escaped(path: &Path) -> String {
    let mut out = String::new();
    for sign in path.display().to_string().chars() {
        if matches!(sign, ',' | ':' | '\\') {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}
