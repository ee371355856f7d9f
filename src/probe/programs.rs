//! Programs on this machine.

use std::path::PathBuf;

use nix::unistd::{AccessFlags, access};

/// Where a program is: on `PATH`, or where every system keeps its programs.
pub fn find(name: &str) -> Option<PathBuf> {
    const ALWAYS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(ALWAYS.split(':'))
        .filter(|dir| !dir.is_empty())
        .map(|dir| PathBuf::from(dir).join(name))
        .find(|path| path.is_file() && access(path, AccessFlags::X_OK).is_ok())
}
