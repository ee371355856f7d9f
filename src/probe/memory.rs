//! The memory of the machine.

use std::path::Path;

use super::{Reading, Result, keyed};

/// How much memory the machine says it has: what `free` shows as its total.
/// <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
pub fn total() -> Result<Reading> {
    let text = keyed(Path::new("/proc/meminfo"), "MemTotal")?;
    Ok(Reading::new("MemTotal", "/proc/meminfo MemTotal", text).varying())
}
