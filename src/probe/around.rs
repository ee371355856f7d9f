//! What is around this process, and can stand in its way: a container, a chroot, a security module, Windows.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;

use super::keyed;
use super::process::{mount_points, namespace, status};
use crate::kernel::namespace::Kind;
use crate::kernel::short;

/// Whether a file has just this content.
pub fn says(file: impl AsRef<Path>, value: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|content| content.trim() == value)
}

/// The release of the kernel: what `uname -r` shows.
pub fn release() -> String {
    super::file("/proc/sys/kernel/osrelease").map_or_else(|_| "unknown".into(), |reading| reading.text)
}

/// Whether this kernel is of that version, or newer.
pub fn is_at_least(wanted: (u32, u32)) -> bool {
    let release = release();
    let mut numbers = release.split(|sign: char| !sign.is_ascii_digit()).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= wanted
}

/// Whether this is root, and not only in a user namespace.
pub fn is_root() -> bool {
    let everybody = short::text("/proc/self/uid_map")
        .map_or(true, |map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    geteuid().is_root() && everybody
}

/// The number of this user outside of the user namespace that he is in.
pub fn uid() -> u32 {
    let inside = geteuid().as_raw();
    let outside = |line: &str| {
        let mut numbers = line.split_whitespace().map_while(|number| number.parse::<u32>().ok());
        let (first, stands_for, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        inside.checked_sub(first).filter(|nth| *nth < count).map(|nth| stands_for + nth)
    };
    let map = short::text("/proc/self/uid_map").unwrap_or_default();
    map.lines().find_map(outside).unwrap_or(inside)
}

/// Whether there is a user of this number in the user namespace of this process.
pub fn has_number(number: u32) -> bool {
    let map = short::text("/proc/self/uid_map").unwrap_or_default();
    map.lines().any(
        |line| match line.split_whitespace().flat_map(str::parse::<u32>).collect::<Vec<_>>()[..] {
            [first, _, count] => (first..first.saturating_add(count)).contains(&number),
            _ => false,
        },
    )
}

/// The version of the Windows Subsystem for Linux, if this is one.
pub fn wsl() -> Option<u32> {
    let release = release();
    if release.contains("Microsoft") {
        return Some(1); // 4.4.0-22621-Microsoft: the imitation
    }
    release.contains("microsoft").then_some(2)
}

/// Whether a seccomp filter looks at this process's calls.
pub fn has_filter() -> bool {
    status("self", "Seccomp").is_ok_and(|mode| mode.text == "2")
}

/// Whether programs can gain privileges by being executed: nobody above this process has given that up.
pub fn may_gain_privileges() -> bool {
    status("self", "NoNewPrivs").is_ok_and(|given_up| given_up.text == "0")
}

/// Which container this is, if it is one.
pub fn container() -> Option<&'static str> {
    const ADMIN: u32 = 21; // CAP_SYS_ADMIN
    let exists = |file: &str| Path::new(file).exists();
    let named = |name: &str| !matches!(name.trim(), "" | "wsl");
    let bounded = || {
        let set = status("self", "CapBnd").ok()?;
        Some(u64::from_str_radix(&set.text, 16).ok()? & 1 << ADMIN == 0)
    };
    if exists("/.dockerenv") {
        Some("a Docker container")
    } else if exists("/run/.containerenv") {
        Some("a Podman container")
    } else if std::env::var("container").is_ok_and(|name| named(&name))
        || fs::read_to_string("/run/systemd/container").is_ok_and(|name| named(&name))
    {
        Some("a container")
    } else if bounded() == Some(true) {
        Some("a container, or a service, without CAP_SYS_ADMIN")
    } else {
        None
    }
}

/// The AppArmor profile that forbids things to this process.
pub fn profile() -> Option<String> {
    let label = ["/proc/self/attr/apparmor/current", "/proc/self/attr/current"]
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())?;
    // `NAME (MODE)`; other security modules write other things into the second file.
    let (name, mode) = label.trim_end().rsplit_once(" (")?;
    matches!(mode, "enforce)" | "kill)").then(|| name.into())
}

/// Whether the root directory is not that of the mount table. A chroot to a mount point shows to root only.
pub fn is_chroot() -> bool {
    let is_mount = mount_points("self").map_or(true, |points| points.iter().any(|point| point == "/"));
    let table = |who: &str| namespace(who, Kind::Mnt).map(|reading| reading.text).ok();
    let mount = |root: &str| {
        let open = fs::File::open(root).ok()?;
        keyed(&PathBuf::from(format!("/proc/self/fdinfo/{}", open.as_raw_fd())), "mnt_id").ok()
    };
    // Number 1 has not changed its root, which tells where it has the same mount table.
    let same_table = table("1").is_some() && table("1") == table("self");
    let moved = same_table && mount("/proc/1/root/").is_some_and(|first| mount("/") != Some(first));
    !is_mount || moved
}

/// Whether the file system at this path is mounted read-only.
pub fn is_read_only(path: &str) -> bool {
    statvfs(path).is_ok_and(|system| system.flags().contains(FsFlags::ST_RDONLY))
}

/// Whether something is mounted over a part of `/proc` or `/sys`, except where mounts belong.
pub fn is_covered(tree: &str) -> bool {
    const USUAL: [&str; 6] =
        ["/proc/sys/fs/", "/proc/fs/", "/sys/fs/", "/sys/kernel/", "/sys/firmware/efi/", "/sys/hypervisor"];
    let below = |point: &String| point.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/'));
    let unusual = |point: &String| !USUAL.iter().any(|usual| point.starts_with(usual));
    mount_points("self").is_ok_and(|points| points.iter().any(|point| below(point) && unusual(point)))
}

/// Whether the kernel has the cgroup controller of this name in version 1 switched on; `None` if it does not have it.
pub fn controller(name: &str) -> Option<bool> {
    let list = fs::read_to_string("/proc/cgroups").ok()?;
    let line = list.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(3).map(|enabled| enabled == "1")
}

/// Whether the kernel has this controller in version 2, mounted or not, as far as it shows: it names the files
/// that are to be handed on, which not every controller has.
pub fn is_in_v2(name: &str) -> bool {
    let files = fs::read_to_string("/sys/kernel/cgroup/delegate").unwrap_or_default();
    files.lines().any(|file| file.split('.').next() == Some(name))
}

/// Whether the kernel has quotas of CPU time: then it has this setting of theirs.
pub fn has_cpu_quota() -> bool {
    Path::new("/proc/sys/kernel/sched_cfs_bandwidth_slice_us").exists()
}

/// Whether the kernel's command line has this word in the list of an option: `cgroup_disable=memory,pids`.
pub fn booted_with(option: &str, word: &str) -> bool {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let mut lists = line.split_whitespace().filter_map(|item| item.strip_prefix(option)?.strip_prefix('='));
    lists.any(|list| list.split(',').any(|item| item == word))
}
