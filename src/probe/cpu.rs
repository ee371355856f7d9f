//! The CPUs of the machine.

use std::path::Path;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{AccessFlags, Pid, access};

use super::{Reading, Result, refused, text};
use crate::kernel::arch;

/// How many CPUs are switched on, whoever may use them.
/// <https://man7.org/linux/man-pages/man5/proc_stat.5.html>
pub fn count() -> Result<Reading> {
    const PATH: &str = "/proc/stat";
    let content = text(Path::new(PATH))?;
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()))
    };
    Ok(Reading::new("CPUs", PATH, content.lines().filter(is_one).count().to_string()))
}

/// Whether the processor can run virtual machines by itself, and this user may let it: KVM. A device without such
/// a processor behind it is an imitation, which not every guest survives.
/// <https://docs.kernel.org/virt/kvm/api.html>
pub fn runs_guests() -> bool {
    let words = arch::HERE.machine.hardware;
    let has_word =
        |line: &str| line.starts_with("flags") && line.split_whitespace().any(|flag| words.contains(&flag));
    let in_hardware =
        words.is_empty() || text(Path::new("/proc/cpuinfo")).is_ok_and(|info| info.lines().any(has_word));
    in_hardware && access("/dev/kvm", AccessFlags::R_OK | AccessFlags::W_OK).is_ok()
}

/// The CPUs that the caller may run on: a container, or whoever started it, can have left it a few of them.
/// <https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html>
pub fn allowed() -> Result<Vec<usize>> {
    let cpus = sched_getaffinity(Pid::from_raw(0));
    let cpus = cpus.map_err(|errno| refused(Path::new("sched_getaffinity()"), &errno.into()))?;
    Ok((0..CpuSet::count()).filter(|cpu| cpus.is_set(*cpu).unwrap_or(false)).collect())
}
