//! What the lesson uses and is not about.

use std::fs::File;
use std::hint::black_box;

use crate::kernel::cgroup::{Group, MEMORY_PROCS};
use crate::kernel::fs;
use crate::kernel::process::getpid;
use crate::machine::{Attempt, explain};
use crate::probe::cgroup::control;
use crate::probe::files::disk_file_system;
use crate::probe::{Reading, until};
use crate::stage::{Result, Stage};

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

/// A file of this length, on a disk: a hole from end to end, so that it takes no space there.
pub(super) fn big_file(stage: &Stage, length: u64) -> Result<Option<File>> {
    match stage.scene().disk_file() {
        Ok(file) if disk_file_system(&file).is_some() => {
            fs::ftruncate(&file, length)?;
            Ok(Some(file))
        }
        _ => {
            stage.skip("reading a file larger than the limit", explain(Attempt::disk()));
            Ok(None)
        }
    }
}

/// Read until the number holds: the kernel adds up the counters of its CPUs when it has time.
pub(super) fn eventually(read: impl Fn() -> Result<Reading>, holds: impl Fn(u64) -> bool) -> Result<Reading> {
    until(read, |reading| reading.text.parse().is_ok_and(&holds))
}
