//! Snapshots of btrfs: the files of an image are copied once into a subvolume, and each container begins with a
//! snapshot of that, which takes no time and no room.
//!
//! The subvolumes of images are `bases/KEY` in the state directory, the key being made of their layers. One whose
//! layers are gone is removed when the next one is made.
//! <https://docs.kernel.org/filesystems/btrfs.html>

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::vfs::Copies;
use super::{Driver, Place};
use crate::container::error::{Error, Result, doing};
use crate::container::start::Root;
use crate::image::changes::Change;
use crate::image::commit::Files;
use crate::image::{Digest, Users, flat};
use crate::kernel::at::{Lock, flock, rename};
use crate::kernel::{Errno, btrfs};
use crate::machine::random;

/// The driver `btrfs`.
#[derive(Debug)]
pub(super) struct Snapshots;

/// Where the subvolumes of images are in the state directory.
const BASES: &str = "bases";
/// Of a base: the uppermost layer, a link that leads nowhere when that is gone.
const LAYER: &str = "layer";
/// Of a base: the subvolume.
const FILES: &str = "files";

impl Driver for Snapshots {
    fn prepare(&self, place: &Place) -> Result<Root> {
        let base = base(place)?;
        let of = doing("cannot read the subvolume of the image", File::open(base.join(FILES)))?;
        // A snapshot comes under a name that nothing has.
        doing(format!("cannot remove {}", place.dir.display()), fs::remove_dir(&place.dir))?;
        let (parent, name) = divided(&place.dir)?;
        btrfs::snapshot_create(parent, name, of).map_err(|error| unsupported(place.state, error))?;
        Ok(Root::Directory { dir: place.dir.clone(), merged: place.merged.clone() })
    }

    fn changes(&self, place: &Place, without: &BTreeSet<PathBuf>) -> Result<Vec<Change>> {
        Copies.changes(place, without)
    }

    fn files<'a>(&self, place: &'a Place) -> Files<'a> {
        Copies.files(place)
    }

    fn remove(&self, dir: &Path) {
        if let Ok((parent, name)) = divided(dir) {
            // Only root may: for others it goes file by file.
            let _ = btrfs::snapshot_destroy(parent, name);
        }
    }
}

/// The subvolume of an image, made if it is not there.
fn base(place: &Place) -> Result<PathBuf> {
    let bases = place.state.join(BASES);
    doing(format!("cannot make {}", bases.display()), fs::create_dir_all(&bases))?;
    let lock = doing(format!("cannot read {}", bases.display()), File::open(&bases))?;
    flock(&lock, Lock::Alone)?;
    let key: Vec<String> = place.lower.iter().map(|layer| layer.display().to_string()).collect();
    let base = bases.join(Digest::of(key.join("\n").as_bytes()).hex());
    if base.join(LAYER).exists() {
        return Ok(base);
    }
    clear(place.users, &bases)?;
    // Whole from the first moment: made beside it, and renamed.
    let new = bases.join(format!("new-{:x}", random()));
    let what = || format!("cannot make {}", new.display());
    let dir = doing(what(), fs::create_dir(&new).and_then(|()| File::open(&new)))?;
    btrfs::subvolume_create(&dir, FILES).map_err(|error| {
        let _ = fs::remove_dir(&new);
        unsupported(place.state, error)
    })?;
    flat::copy(place.users, place.lower, &new.join(FILES))?;
    if let Some(layer) = place.layers.last() {
        doing(what(), std::os::unix::fs::symlink(&layer.path, new.join(LAYER)))?;
    }
    rename(&new, &base)?;
    Ok(base)
}

/// Remove what was made for images that are gone.
pub(super) fn tidy(state: &Path, users: &Users) -> Result<()> {
    let bases = state.join(BASES);
    if !bases.exists() {
        return Ok(());
    }
    let lock = doing(format!("cannot read {}", bases.display()), File::open(&bases))?;
    flock(&lock, Lock::Alone)?;
    clear(users, &bases)
}

/// Remove bases of which there are no layers any more, and what was left half-made. Nobody else may be at it.
fn clear(users: &Users, bases: &Path) -> Result<()> {
    for entry in doing(format!("cannot read {}", bases.display()), fs::read_dir(bases))?.flatten() {
        let path = entry.path();
        if !path.join(LAYER).exists() {
            Snapshots.remove(&path.join(FILES));
            users.remove_tree(&path)?;
        }
    }
    Ok(())
}

/// The directory that a path is in, opened, and its name there.
fn divided(path: &Path) -> Result<(File, &str)> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let opened = doing(format!("cannot read {}", parent.display()), File::open(parent))?;
    Ok((opened, path.file_name().and_then(|name| name.to_str()).unwrap_or_default()))
}

/// Other file systems do not know the call.
fn unsupported(state: &Path, error: crate::kernel::Error) -> Error {
    if matches!(error.errno, Errno::ENOTTY | Errno::EOPNOTSUPP | Errno::EINVAL) {
        let why = format!("{} is not on btrfs, and only that has snapshots", state.display());
        return Error::usage(
            why,
            "set XDG_STATE_HOME to a directory on btrfs, or take the driver overlay or vfs",
        );
    }
    error.into()
}
