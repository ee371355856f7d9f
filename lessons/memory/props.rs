//! What the lesson uses and is not about.

use std::fs::File;
use std::hint::black_box;

use crate::kernel::cgroup::{Control, Group, MEMORY_PROCS, Version};
use crate::kernel::process::getpid;
use crate::kernel::{Pid, fs};
use crate::probe::Reading;
use crate::probe::cgroup::control;
use crate::probe::files::disk_file_system;
use crate::probe::process::status;
use crate::stage::{Result, Stage};

/// The step from page to page: no architecture has smaller ones.
pub(super) const PAGE: usize = 4096;
/// So that an eye can follow the bar.
pub(super) const MOMENT: std::time::Duration = std::time::Duration::from_millis(10);

/// Memory whose every page has been written to: only then does the kernel give it.
pub(super) fn touched(bytes: u64) -> Vec<u8> {
    black_box(vec![1; bytes as usize])
}

/// The process is really where the limit is.
pub(super) fn is_inside(inside: &Stage, group: &Group) -> Result<()> {
    let pid = getpid()?.as_raw() as u64;
    let members = control(group, MEMORY_PROCS)?;
    inside.check("it is inside of the group").saw((members.numbers().contains(&pid), members.source))
}

/// Whether a process is there, and not only waiting to be reaped.
pub(super) fn lives(pid: Pid) -> Result<Reading> {
    let state = status(pid, "State")?;
    let text = if state.text.starts_with(['Z', 'X']) { "no" } else { "yes" };
    Ok(Reading { text: text.into(), ..state })
}

/// What a control is called here, and what in the other version.
pub(super) fn names(group: &Group, what: &str, control: Control) -> Result<String> {
    let here = group.version(control.controller)?;
    let (number, other) = if here == Version::V1 { (2, Version::V2) } else { (1, Version::V1) };
    Ok(format!("{what} is {} here, {} in version {number}", control.name(here), control.name(other)))
}

/// A file of this length, on a disk: a hole from end to end, so that it takes no space there.
pub(super) fn big_file(stage: &Stage, length: u64) -> Result<Option<File>> {
    const HINT: &str = "set XDG_STATE_HOME to a directory on ext4, xfs or btrfs";
    let what = "reading a file larger than the limit";
    match stage.scene().disk_file() {
        Err(why) => stage.skip(what, why, HINT),
        Ok(file) if disk_file_system(&file).is_none() => {
            stage.skip(what, "the state directory is on no file system with a disk and a page cache", HINT);
        }
        Ok(file) => {
            fs::ftruncate(&file, length)?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Read until it holds, for as long as the kernel may take to add up the counters of its CPUs: two seconds.
pub(super) fn eventually(read: impl Fn() -> Result<Reading>, holds: impl Fn(u64) -> bool) -> Result<Reading> {
    const TRIES: usize = 300;
    for _ in 0..TRIES {
        let reading = read()?;
        if reading.text.parse().is_ok_and(&holds) {
            return Ok(reading);
        }
        std::thread::sleep(MOMENT);
    }
    read()
}
