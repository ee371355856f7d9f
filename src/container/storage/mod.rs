//! Where the files of a container are, and what it has changed of its image.
//!
//! | driver | a container begins with | what it has changed is |
//! | --- | --- | --- |
//! | [`overlay`] | an empty directory over the layers | what is in that directory |
//! | [`vfs`] | a copy of every file | what differs from the layers |
//! | [`btrfs`] | a snapshot of a subvolume that has every file | what differs from the layers |

mod btrfs;
mod commit;
mod overlay;
mod vfs;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Result;
use super::start::Root;
use crate::image::changes::Change;
use crate::image::commit::Files;
use crate::image::{Layer, Users};

pub(super) use commit::lower;
pub use commit::{changes, commit, image};

/// Which driver keeps a container's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// Layers on top of each other, merged by the kernel.
    #[default]
    Overlay,
    /// A full copy, on any file system.
    Vfs,
    /// A snapshot, where the state directory is on btrfs.
    Btrfs,
}

impl Storage {
    /// What does it.
    pub fn driver(self) -> &'static dyn Driver {
        match self {
            Storage::Overlay => &overlay::Overlayfs,
            Storage::Vfs => &vfs::Copies,
            Storage::Btrfs => &btrfs::Snapshots,
        }
    }
}

/// Remove what drivers have kept for images that are gone.
pub fn tidy(state: &Path, users: &Users) -> Result<()> {
    btrfs::tidy(state, users)
}

/// The files of one container.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// Whose they are.
    pub users: &'a Users,
    /// The state directory.
    pub state: &'a Path,
    /// The layers of its image, the lowest first.
    pub layers: &'a [Layer],
    /// The same with the init layer, the uppermost first.
    pub lower: &'a [PathBuf],
    /// Its own directory.
    pub dir: PathBuf,
    /// Beside it a directory of the driver's own.
    pub work: PathBuf,
    /// An empty directory to mount its root at.
    pub merged: PathBuf,
    /// Whether its files need not outlive a power cut.
    pub volatile: bool,
}

/// Keeps the files of containers.
pub trait Driver {
    /// Make what a container begins with, in its own directory, which is empty: how its root is mounted.
    fn prepare(&self, place: &Place) -> Result<Root>;

    /// What it has changed, without these paths.
    fn changes(&self, place: &Place, without: &BTreeSet<PathBuf>) -> Result<Vec<Change>>;

    /// The same as it becomes a layer.
    fn files<'a>(&self, place: &'a Place) -> Files<'a>;

    /// Remove what of a container's directory cannot be removed file by file.
    fn remove(&self, _dir: &Path) {}
}
