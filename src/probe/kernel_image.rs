//! The kernel image that a virtual machine is booted with.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::around::release;

/// Names an image, in place of those that are found where distributions put theirs.
const VARIABLE: &str = "GLASSBOX_KERNEL";

/// Whether somebody has named one.
pub fn is_named() -> bool {
    named().is_some()
}

fn named() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Where it is: that of the running kernel, or else of the last one by name. If none can be read, the path is that of
/// one that is there, or should be.
pub fn path() -> PathBuf {
    named().unwrap_or_else(|| {
        let images = installed();
        let readable = images.iter().find(|image| access(*image, AccessFlags::R_OK).is_ok());
        readable.or(images.first()).cloned().unwrap_or_else(running)
    })
}

/// Where most distributions put the image of the running kernel.
fn running() -> PathBuf {
    Path::new("/boot").join(format!("vmlinuz-{}", release()))
}

/// Those that are there, the best first.
fn installed() -> Vec<PathBuf> {
    let names = |dir: &str| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        found.sort();
        found.reverse();
        found
    };
    let is_image =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinuz"));
    let in_boot = names("/boot").into_iter().filter(is_image);
    let modules = Path::new("/lib/modules").join(release());
    let beside_modules = [modules].into_iter().chain(names("/lib/modules")).map(|dir| dir.join("vmlinuz"));
    [running()]
        .into_iter()
        .chain(beside_modules.clone().take(1))
        .chain(in_boot)
        .chain(beside_modules)
        .filter(|path| path.is_file())
        .collect()
}
