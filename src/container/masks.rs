//! Paths in `/proc` and `/sys` that are not divided into namespaces: covered, or made read-only.

use std::path::Path;

use crate::kernel::Result;
use crate::kernel::mount::{Flags, bind, mount};

/// What Docker covers: these tell, or change, the whole machine.
pub const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What Docker lets be read only.
pub const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Cover the ones and protect the others, as far as this kernel has them. Returns how many there were.
pub fn apply() -> Result<usize> {
    let mut count = 0;
    for path in MASKED.iter().map(Path::new) {
        let Ok(there) = path.metadata() else { continue };
        cover_kind(path, there.is_dir())?;
        count += 1;
    }
    for path in READ_ONLY.iter().map(Path::new).filter(|path| path.exists()) {
        read_only(path)?;
        count += 1;
    }
    Ok(count)
}

/// A directory gets an empty one on top, a file gets a device that has nothing in it.
pub fn cover(path: &Path) -> Result<()> {
    cover_kind(path, path.is_dir())
}

fn cover_kind(path: &Path, is_dir: bool) -> Result<()> {
    if is_dir { mount("tmpfs", path, "tmpfs", Flags::MS_RDONLY, "size=0k") } else { bind("/dev/null", path) }
}

/// A bind mount onto itself can have flags of its own, in a second call.
pub fn read_only(path: &Path) -> Result<()> {
    mount(path, path, "", Flags::MS_BIND | Flags::MS_REC, "")?;
    let flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
    mount("", path, "", Flags::MS_BIND | Flags::MS_REMOUNT | Flags::MS_RDONLY | flags, "")
}
