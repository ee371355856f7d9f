//! systemd, which hands cgroups on to users where it runs.

use std::path::{Path, PathBuf};

use super::around::uid;
use crate::kernel::cgroup::Controller;

/// Whether systemd runs this machine.
/// <https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html>
pub fn runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The runtime directory in which this user's service manager listens, if there is one.
pub fn manager() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{}", uid()));
    named.into_iter().chain([usual]).find(|dir| dir.join("systemd/private").exists())
}

/// Whether that manager has been given a cgroup controller that it can hand on; `mount` is the cgroup tree's.
pub fn manager_has(mount: &Path, controller: &str) -> bool {
    let uid = uid();
    let group = format!("user.slice/user-{uid}.slice/user@{uid}.service");
    // Some are in every group of version 2, and no controllers that are listed.
    let has = |listed: &str| {
        listed
            .split_whitespace()
            .chain(Controller::IN_EVERY_GROUP.map(Controller::name))
            .any(|name| name == controller)
    };
    super::file(mount.join(group).join("cgroup.controllers")).is_ok_and(|listed| has(&listed.text))
}
