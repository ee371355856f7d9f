//! Namespaces: made for the caller, or joined.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::sched::CloneFlags;

use super::record::{call, flag_names};
use super::{Pid, Result, error, fs};

/// The kinds of namespace, in the order in which the kernel gained them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Mount table.
    Mnt,
    /// Host name and NIS domain name.
    Uts,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Process numbers.
    Pid,
    /// Network stack.
    Net,
    /// User and group numbers, and capabilities.
    User,
    /// The root of the cgroup tree.
    Cgroup,
    /// Offsets of the boot and monotonic clocks.
    Time,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] =
        [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::User, Kind::Cgroup, Kind::Time];

    /// The name of its link in `/proc/PID/ns`.
    pub fn link(self) -> &'static str {
        match self {
            Kind::Mnt => "mnt",
            Kind::Uts => "uts",
            Kind::Ipc => "ipc",
            Kind::Pid => "pid",
            Kind::Net => "net",
            Kind::User => "user",
            Kind::Cgroup => "cgroup",
            Kind::Time => "time",
        }
    }

    /// Its flag for `unshare`, `setns` and `clone3`.
    pub fn flag(self) -> CloneFlags {
        match self {
            Kind::Mnt => CloneFlags::CLONE_NEWNS,
            Kind::Uts => CloneFlags::CLONE_NEWUTS,
            Kind::Ipc => CloneFlags::CLONE_NEWIPC,
            Kind::Pid => CloneFlags::CLONE_NEWPID,
            Kind::Net => CloneFlags::CLONE_NEWNET,
            Kind::User => CloneFlags::CLONE_NEWUSER,
            Kind::Cgroup => CloneFlags::CLONE_NEWCGROUP,
            Kind::Time => CloneFlags::from_bits_retain(nix::libc::CLONE_NEWTIME),
        }
    }

    /// The name of that flag.
    pub fn flag_name(self) -> String {
        names(self.flag())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.link())
    }
}

fn names(flags: CloneFlags) -> String {
    let time = Kind::Time.flag();
    let known = flag_names(&flags.difference(time));
    match (flags.contains(time), known.as_str()) {
        (false, _) => known,
        (true, "0") => "CLONE_NEWTIME".into(),
        (true, _) => format!("CLONE_NEWTIME|{known}"),
    }
}

/// `unshare(2)`: leave namespaces for new ones of one's own.
///
/// A new PID or time namespace is entered by the children only.
/// <https://man7.org/linux/man-pages/man2/unshare.2.html>
pub fn unshare(kinds: &[Kind]) -> Result<()> {
    let flags = kinds.iter().fold(CloneFlags::empty(), |flags, kind| flags | kind.flag());
    call("unshare", || names(flags), || nix::sched::unshare(flags))
}

/// `unshare(2)` with a flag that does not exist: the kernel says `EINVAL` to everybody, before it looks at
/// permissions. Any other answer is not the kernel's but that of a seccomp filter in front of it.
/// <https://man7.org/linux/man-pages/man2/unshare.2.html>
pub fn unshare_in_vain(kinds: &[Kind]) -> Result<()> {
    const NO_FLAG: i32 = 1;
    let flags = kinds.iter().fold(CloneFlags::from_bits_retain(NO_FLAG), |flags, kind| flags | kind.flag());
    call("unshare", || format!("{:#x}", flags.bits()), || nix::sched::unshare(flags))
}

/// `setns(2)` by the pid of somebody who is inside: enter those of his namespaces, all or none of them.
///
/// A PID namespace is entered by the children only.
/// <https://man7.org/linux/man-pages/man2/setns.2.html>
pub fn setns(pid: Pid, kinds: &[Kind]) -> Result<()> {
    let flags = kinds.iter().fold(CloneFlags::empty(), |flags, kind| flags | kind.flag());
    enter(&pidfd_open(pid)?, flags)
}

/// `setns(2)` by a file that stands for a namespace: a link in `/proc/PID/ns`, or what was bound to one.
/// <https://man7.org/linux/man-pages/man2/setns.2.html>
pub fn setns_file(path: impl AsRef<Path>, kind: Kind) -> Result<()> {
    enter(&fs::open(path)?, kind.flag())
}

fn enter(target: &OwnedFd, flags: CloneFlags) -> Result<()> {
    call(
        "setns",
        || format!("{}, {}", target.as_raw_fd(), names(flags)),
        || nix::sched::setns(target.as_fd(), flags),
    )
}

/// `pidfd_open(2)`: a descriptor that stands for this very process, whatever becomes of its number.
/// <https://man7.org/linux/man-pages/man2/pidfd_open.2.html>
pub fn pidfd_open(pid: Pid) -> Result<OwnedFd> {
    call(
        "pidfd_open",
        || format!("{pid}, 0"),
        || {
            let raw = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(super::Errno::EINVAL)?;
            rustix::process::pidfd_open(raw, rustix::process::PidfdFlags::empty()).map_err(error::errno)
        },
    )
}

/// Map the caller's own user and group to 0 in the user namespace that it has just made.
///
/// `setgroups` has to be given up first, or the kernel refuses the group map to ordinary users.
/// <https://man7.org/linux/man-pages/man7/user_namespaces.7.html>
pub fn map_self_to_root(uid: u32, gid: u32) -> Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}
