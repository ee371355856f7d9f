//! The memory of the machine.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{Reading, Result, keyed};

/// How much memory the machine says it has: what `free` shows as its total.
/// <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
pub fn total() -> Result<Reading> {
    let text = keyed(Path::new("/proc/meminfo"), "MemTotal")?;
    Ok(Reading::new("MemTotal", "/proc/meminfo MemTotal", text).varying())
}

/// How much memory new programs can get without anybody having to be moved out.
/// <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
pub fn available() -> Result<Reading> {
    let text = keyed(Path::new("/proc/meminfo"), "MemAvailable")?;
    Ok(Reading::new("MemAvailable", "/proc/meminfo MemAvailable", text).varying())
}

/// How much memory a process takes: its own pages, and of those that others use too its share.
/// <https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html>
pub fn proportional(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/smaps_rollup"));
    let text = keyed(&path, "Pss")?;
    Ok(Reading::new("Pss", format!("{} Pss", path.display()), text).varying())
}
