//! `/proc`, `/sys`, and a `/dev` with what programs expect and nothing of the machine's.

use std::path::Path;

use super::root::OLD_ROOT;
use crate::kernel::cgroup::Layout;
use crate::kernel::mount::{Flags, bind, mount};
use crate::kernel::{Result, fs};
use crate::machine::Mode;

/// The devices that the OCI runtime specification asks for: name, major, minor.
/// <https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#default-devices>
pub const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

const QUIET: Flags = Flags::MS_NOSUID.union(Flags::MS_NODEV).union(Flags::MS_NOEXEC);

/// `/proc` of this PID namespace.
pub fn mount_proc() -> Result<()> {
    mount("proc", "/proc", "proc", QUIET, "")
}

/// `/sys` of this network namespace, read-only; where there is a single cgroup tree, with this group as its root.
pub fn mount_sys(layout: Layout) -> Result<()> {
    mount("sysfs", "/sys", "sysfs", QUIET | Flags::MS_RDONLY, "")?;
    if layout == Layout::V2 && Path::new("/sys/fs/cgroup").is_dir() {
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", QUIET | Flags::MS_RDONLY, "")?;
    }
    Ok(())
}

/// `/dev`: six devices, pseudo-terminals, shared memory, message queues.
///
/// Root makes device nodes. An ordinary user may not, in no namespace: the host's are bound instead, which
/// needs the old root to be there still.
pub fn populate_dev(mode: Mode) -> Result<()> {
    populate_dev_with(|name, path, (major, minor)| {
        if mode.is_rootless() {
            fs::create(path, "")?;
            bind(format!("{OLD_ROOT}/dev/{name}"), path)
        } else {
            fs::mknod(path, major, minor)
        }
    })
}

/// The same, with devices that somebody else makes, by their name, path and number.
pub fn populate_dev_with(make: impl Fn(&str, &str, (u64, u64)) -> Result<()>) -> Result<()> {
    mount("tmpfs", "/dev", "tmpfs", Flags::MS_NOSUID | Flags::MS_STRICTATIME, "mode=755,size=64k")?;
    fs::umask(0)?;
    for (name, major, minor) in DEVICES {
        make(name, &format!("/dev/{name}"), (major, minor))?;
    }
    fs::umask(0o022)?;
    LINKS.iter().try_for_each(|(target, link)| fs::symlink(target, link))?;
    ["/dev/pts", "/dev/shm", "/dev/mqueue"].iter().try_for_each(fs::mkdir)?;
    mount(
        "devpts",
        "/dev/pts",
        "devpts",
        Flags::MS_NOSUID | Flags::MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620",
    )?;
    mount("shm", "/dev/shm", "tmpfs", QUIET, "mode=1777,size=65536k")?;
    mount("mqueue", "/dev/mqueue", "mqueue", QUIET, "")
}

/// In `/dev` no other device can be opened, whoever makes one: the six are mounts of their own from here on, and the
/// mount around them knows no devices.
///
/// Docker has a filter of the cgroup for that. It costs ten times as much, and version 1 wants a tree of its own.
pub fn allow_no_others() -> Result<()> {
    for (name, ..) in DEVICES {
        let path = format!("/dev/{name}");
        bind(&path, &path)?;
    }
    let flags =
        Flags::MS_BIND | Flags::MS_REMOUNT | Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_STRICTATIME;
    mount("", "/dev", "", flags, "")
}
