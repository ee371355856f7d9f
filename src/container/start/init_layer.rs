//! The init layer: mount points that every container needs, and that an image may lack.
//!
//! Docker puts one between the image and each container's own layer. What is in it is the same for all, so here they
//! share one, and what they mount on it is [their own](super::etc). So neither `diff` nor `commit` ever sees any of it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use crate::container::error::{Result, doing};
use crate::machine::random;

const DIRECTORIES: [&str; 6] = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
const FILES: [&str; 4] = ["dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// The init layer in this state directory, made if it is not there.
pub fn provide(state: &Path) -> Result<PathBuf> {
    let dir = state.join("init-layer");
    if !dir.exists() {
        doing(format!("cannot make {}", dir.display()), make(&dir))?;
    }
    Ok(dir)
}

/// Whole from the first moment: made beside it, and renamed.
fn make(dir: &Path) -> io::Result<()> {
    let new = dir.with_extension(format!("new-{:x}", random()));
    DirBuilder::new().recursive(true).mode(0o755).create(&new)?;
    let made = fill(&new).and_then(|()| match fs::rename(&new, dir) {
        // Another command was faster.
        Err(_) if dir.exists() => fs::remove_dir_all(&new),
        renamed => renamed,
    });
    made.inspect_err(|_| {
        let _ = fs::remove_dir_all(&new);
    })
}

fn fill(dir: &Path) -> io::Result<()> {
    DIRECTORIES.iter().try_for_each(|name| DirBuilder::new().mode(0o755).create(dir.join(name)))?;
    FILES.iter().try_for_each(|name| fs::write(dir.join(name), ""))?;
    symlink("/proc/mounts", dir.join("etc/mtab"))
}
