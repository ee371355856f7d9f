//! `/sys`, with the control groups in it, and `/dev`.

use super::Plan;
use super::luggage::{GROUPS, Luggage};
use crate::container::devices;
use crate::container::error::Result;
use crate::kernel::mount::{Flags, mount, move_mount_to};
use crate::kernel::{Errno, fs};

const QUIET: Flags = Flags::MS_NOSUID.union(Flags::MS_NODEV).union(Flags::MS_NOEXEC);
const READ_ONLY: Flags = QUIET.union(Flags::MS_BIND).union(Flags::MS_REMOUNT).union(Flags::MS_RDONLY);

/// `/sys` of the network namespace, read-only; of the host, where that is the network and its owner is another.
pub(super) fn mount_sys(plan: &Plan, luggage: &Luggage) -> Result<()> {
    match &luggage.sys {
        Some(hosts) => {
            move_mount_to(hosts, "/sys")?;
            mount("", "/sys", "", READ_ONLY, "")?;
        }
        None => devices::mount_sys(plan.layout)?,
    }
    if luggage.groups.is_empty() { Ok(()) } else { show_groups(luggage) }
}

/// Version 1: a directory for each tree, with the container's own group as what it shows.
fn show_groups(luggage: &Luggage) -> Result<()> {
    mount("cgroup", GROUPS, "tmpfs", QUIET, "mode=755,size=64k")?;
    for (place, group) in &luggage.groups {
        match fs::mkdir(place) {
            // Two controllers can have a tree in common.
            Err(error) if error.errno == Errno::EEXIST => continue,
            made => made?,
        }
        move_mount_to(group, place)?;
        mount("", place, "", READ_ONLY, "")?;
    }
    Ok(mount("", GROUPS, "", READ_ONLY, "")?)
}

/// `/dev`, with devices of its own, or the host's where it may make none.
pub(super) fn mount_dev(luggage: &Luggage) -> Result<()> {
    devices::populate_dev_with(|name, path, (major, minor)| {
        match luggage.devices.iter().find(|(other, _)| *other == name) {
            Some((_, device)) => {
                fs::create(path, "")?;
                move_mount_to(device, path)
            }
            None => fs::mknod(path, major, minor),
        }
    })?;
    // Where devices had to be brought along, nobody can make others.
    if luggage.devices.is_empty() { Ok(devices::allow_no_others()?) } else { Ok(()) }
}
