//! The init layer: mount points that every container needs, and that an image may lack.
//!
//! Docker puts one between the image and each container's own layer. What is in it is the same for all, so here they
//! share one, and what they mount on it is [their own](super::etc). So neither `diff` nor `commit` ever sees any of it.

use std::path::{Path, PathBuf};

use crate::container::error::{Result, doing};
use crate::kernel::fs;
use crate::machine::random;

const DIRECTORIES: [&str; 6] = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
const FILES: [&str; 4] = ["dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// The init layer in this state directory, made if it is not there.
pub fn provide(state: &Path) -> Result<PathBuf> {
    let dir = state.join("init-layer");
    if !dir.exists() {
        make(&dir)?;
    }
    Ok(dir)
}

/// Whole from the first moment: made beside it, and renamed.
fn make(dir: &Path) -> Result<()> {
    let new = dir.with_extension(format!("new-{:x}", random()));
    fs::mkdir(&new)?;
    let made = fill(&new).and_then(|()| match fs::rename(&new, dir) {
        // Another command was faster.
        Err(_) if dir.exists() => doing("cannot remove a second init layer", std::fs::remove_dir_all(&new)),
        renamed => Ok(renamed?),
    });
    made.inspect_err(|_| {
        let _ = std::fs::remove_dir_all(&new);
    })
}

fn fill(dir: &Path) -> Result<()> {
    DIRECTORIES.iter().try_for_each(|name| fs::mkdir(dir.join(name)))?;
    FILES.iter().try_for_each(|name| fs::create(dir.join(name), ""))?;
    Ok(fs::symlink("/proc/mounts", dir.join("etc/mtab"))?)
}
