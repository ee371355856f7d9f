//! The files of `/etc` that are the container's own: its name, whom it knows by name, and whom it asks for others.
//!
//! Their content is kept in memory, and bound over the empty files of the [init layer](super::init_layer): it is no
//! part of the container layer, and takes no room on the disk.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::Plan;
use crate::container::error::Result;
use crate::kernel::fs;
use crate::kernel::mount::{Flags, bind, mount, move_mount_to};

const HOSTS: &str = "/etc/hosts";

/// What every host calls itself.
pub(in crate::container) const LOCAL_HOSTS: &str =
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// `/dev` is there already.
pub(super) fn provide(plan: &Plan, hosts: Option<&OwnedFd>) -> Result<()> {
    bind_text("/etc/hostname", &format!("{}\n", plan.hostname))?;
    match hosts {
        Some(hosts) => bind_hosts(hosts)?,
        None => bind_text(HOSTS, &format!("{LOCAL_HOSTS}127.0.1.1\t{}\n", plan.hostname))?,
    }
    bind_text("/etc/resolv.conf", &plan.resolvers)
}

/// The file is that of all who are on the network, and for nobody of them to write to.
fn bind_hosts(hosts: &OwnedFd) -> Result<()> {
    const FLAGS: Flags =
        Flags::MS_BIND.union(Flags::MS_REMOUNT).union(Flags::MS_RDONLY).union(Flags::MS_NOSUID);
    if Path::new(HOSTS).is_file() {
        move_mount_to(hosts, HOSTS)?;
        mount("", HOSTS, "", FLAGS | Flags::MS_NODEV | Flags::MS_NOEXEC, "")?;
    }
    Ok(())
}

fn bind_text(path: &str, text: &str) -> Result<()> {
    const SOURCE: &str = "/dev/.etc";
    if !Path::new(path).is_file() {
        // A root that has no place for it does without.
        return Ok(());
    }
    fs::create(SOURCE, text)?;
    bind(SOURCE, path)?;
    // The mount holds it, without a name.
    Ok(fs::unlink(SOURCE)?)
}
