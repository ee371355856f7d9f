//! What the lesson uses and is not about.

use crate::kernel::fs;
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::process::getpid;
use crate::probe::Reading;
use crate::probe::layers::{disk_use, inode};
use crate::stage::{Result, Stage};

pub(super) const KIB: usize = 1 << 10;

/// The directories of the lesson, and the first layer, which is made of nothing.
pub(super) fn a_base() -> Result<()> {
    ["layers", "layers/base", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    ["bin", "etc", "lib"].iter().try_for_each(|dir| fs::mkdir(format!("layers/base/{dir}")))?;
    fs::create_filled("layers/base/bin/sh", 64 * KIB)?;
    fs::create_filled("layers/base/lib/libc", 2048 * KIB)?;
    fs::create("layers/base/etc/release", "base 1\n")?;
    Ok(fs::create("layers/base/etc/motd", "welcome\n")?)
}

/// The option of `mount` for layers, the topmost first.
pub(super) fn lowerdir(layers: &[&str]) -> String {
    let paths: Vec<String> = layers.iter().map(|layer| format!("layers/{layer}")).collect();
    format!("lowerdir={}", paths.join(":"))
}

/// Make a layer: what `work` does in `merged`, above the layers `below`, lands in it.
pub(super) fn build(layer: &str, below: &[&str], work: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::mkdir(format!("layers/{layer}"))?;
    // What the last word says is what the kernel does without it; distributions can build it otherwise.
    let options = format!("{},upperdir=layers/{layer},workdir=work,metacopy=off", lowerdir(below));
    mount("overlay", "merged", "overlay", Flags::empty(), &options)?;
    work()?;
    Ok(umount2("merged", UmountFlags::empty())?)
}

/// The layer that a file of an image comes from: the one that has it under the same number.
pub(super) fn origin(image: &str, path: &str, layers: &[&str]) -> Result<Reading> {
    let seen = inode(format!("{image}/{path}"))?;
    // A layer that does not have the file has no number for it.
    let has = |layer: &&&str| inode(format!("layers/{layer}/{path}")).is_ok_and(|own| own.text == seen.text);
    let layers: Vec<&str> = layers.iter().filter(has).copied().collect();
    Ok(Reading::new(path, format!("{image}/{path} st_ino"), layers.join(" and ")))
}

/// Another layer that has a file of this name.
pub(super) fn hidden(path: &str, from: &str, layers: &[&'static str]) -> Option<&'static str> {
    let has = |layer: &&&str| **layer != from && inode(format!("layers/{layer}/{path}")).is_ok();
    layers.iter().find(has).copied()
}

/// What the files below a directory take, in bytes.
pub(super) fn bytes(dir: &str) -> Result<Reading> {
    let text = disk_use(dir)?.to_string();
    Ok(Reading::new(dir, format!("{dir} and below, st_blocks"), text).varying())
}

/// The difference of two such readings, of which the first one is the larger.
pub(super) fn difference(more: &Reading, less: &Reading) -> u64 {
    more.innermost().unwrap_or(0).saturating_sub(less.innermost().unwrap_or(0))
}

pub(super) fn kib(reading: &Reading) -> f64 {
    reading.innermost().unwrap_or(0) as f64 / KIB as f64
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
