//! Calls that want a capability, one for each, in a form from which nothing comes where it is granted: what they are for
//! is not there, or is wrong, or ends with the call.
//! <https://man7.org/linux/man-pages/man7/capabilities.7.html>

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, delete_module as delete};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::mman::{MlockAllFlags, mlockall as lock_all, munlockall};
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::acct;
use rustix::fs::{IFlags, ioctl_setflags};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, Resource, Rlimit};

use super::netlink::{NLM_F_ACK, NLM_F_REQUEST, deliver, message};
use super::raw::guarded as raw;
use super::record::{call, quoted};
use super::{Pid, Result, error};

/// `open_by_handle_at(2)` of a file that is not there, on the file system that this is on. Wants `CAP_DAC_READ_SEARCH`.
/// <https://man7.org/linux/man-pages/man2/open_by_handle_at.2.html>
pub fn open_by_handle_at(mount: &OwnedFd) -> Result<()> {
    let args = || {
        let handle = "{handle_bytes=8, handle_type=1, f_handle=0x0000000000000000}";
        format!("{}, {handle}, O_RDONLY|O_CLOEXEC", mount.as_raw_fd())
    };
    call("open_by_handle_at", args, || raw::open_by_handle_at(mount.as_fd()))
}

/// `ioctl(FS_IOC_SETFLAGS)`: let nobody change this file, and let them again. Wants `CAP_LINUX_IMMUTABLE`.
/// <https://man7.org/linux/man-pages/man2/ioctl_iflags.2.html>
pub fn set_immutable(file: &OwnedFd) -> Result<()> {
    let args = || format!("{}, FS_IOC_SETFLAGS, [FS_IMMUTABLE_FL]", file.as_raw_fd());
    call("ioctl", args, || {
        ioctl_setflags(file, IFlags::IMMUTABLE).map_err(error::errno)?;
        ioctl_setflags(file, IFlags::empty()).map_err(error::errno)
    })
}

/// `mlockall(2)`: keep all memory of this process from being swapped, and do not any more. Wants `CAP_IPC_LOCK` where
/// `RLIMIT_MEMLOCK` is 0.
/// <https://man7.org/linux/man-pages/man2/mlock.2.html>
pub fn mlockall() -> Result<()> {
    call(
        "mlockall",
        || "MCL_CURRENT".into(),
        || {
            lock_all(MlockAllFlags::MCL_CURRENT)?;
            munlockall()
        },
    )
}

/// `shmat(2)`: attach this segment, and detach it. Wants `CAP_IPC_OWNER` where its mode says no.
/// <https://man7.org/linux/man-pages/man2/shmop.2.html>
pub fn shmat(segment: usize) -> Result<()> {
    call("shmat", || format!("{segment}, NULL, SHM_RDONLY"), || raw::shmat(segment as i32))
}

/// `delete_module(2)` of a module that is not there. Wants `CAP_SYS_MODULE`.
/// <https://man7.org/linux/man-pages/man2/delete_module.2.html>
pub fn delete_module() -> Result<()> {
    let args = || "\"glassbox\", O_NONBLOCK".into();
    call("delete_module", args, || delete(c"glassbox", DeleteModuleFlags::O_NONBLOCK))
}

/// `ioctl(FIBMAP)`: which block of the disk the first of this file is. Wants `CAP_SYS_RAWIO`.
/// <https://man7.org/linux/man-pages/man2/ioctl.2.html>
pub fn fibmap(file: &OwnedFd) -> Result<()> {
    call("ioctl", || format!("{}, FIBMAP, [0]", file.as_raw_fd()), || raw::fibmap(file.as_fd()))
}

/// `pidfd_getfd(2)`: a copy of what another process has open as 0. Wants `CAP_SYS_PTRACE` where that one may do more.
/// <https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html>
pub fn pidfd_getfd(pid: Pid) -> Result<()> {
    let of = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno::ESRCH);
    let pidfd = call(
        "pidfd_open",
        || format!("{pid}, 0"),
        || rustix::process::pidfd_open(of?, PidfdFlags::empty()).map_err(error::errno),
    )?;
    call(
        "pidfd_getfd",
        || format!("{}, 0, 0", pidfd.as_raw_fd()),
        || rustix::process::pidfd_getfd(&pidfd, 0, PidfdGetfdFlags::empty()).map(drop).map_err(error::errno),
    )
}

/// `acct(2)` into a file that is not there. Wants `CAP_SYS_PACCT`.
/// <https://man7.org/linux/man-pages/man2/acct.2.html>
pub fn acct(file: impl AsRef<Path>) -> Result<()> {
    let file = file.as_ref();
    call("acct", || quoted(file.display()), || acct::enable(file))
}

/// `reboot(2)` without the magic numbers that it wants. Wants `CAP_SYS_BOOT`.
/// <https://man7.org/linux/man-pages/man2/reboot.2.html>
pub fn reboot() -> Result<()> {
    call("reboot", || "0, 0, LINUX_REBOOT_CMD_CAD_OFF".into(), raw::reboot_without_magic)
}

/// `setpriority(2)`: come before everybody else. Wants `CAP_SYS_NICE` where `RLIMIT_NICE` does not allow it.
/// <https://man7.org/linux/man-pages/man2/getpriority.2.html>
pub fn setpriority() -> Result<()> {
    const FIRST: i32 = -20;
    let first = || rustix::process::setpriority_process(None, FIRST).map_err(error::errno);
    call("setpriority", || format!("PRIO_PROCESS, 0, {FIRST}"), first)
}

/// What [`setrlimit`] sets.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// `RLIMIT_MEMLOCK`: bytes of memory that are not swapped.
    Memlock,
    /// `RLIMIT_NICE`: how far one may come before others.
    Nice,
}

/// `setrlimit(2)`: both the limit and how far it can be raised. To raise that wants `CAP_SYS_RESOURCE`.
/// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
pub fn setrlimit(limit: Limit, to: u64) -> Result<()> {
    let (resource, name) = match limit {
        Limit::Memlock => (Resource::Memlock, "RLIMIT_MEMLOCK"),
        Limit::Nice => (Resource::Nice, "RLIMIT_NICE"),
    };
    let set = || {
        rustix::process::setrlimit(resource, Rlimit { current: Some(to), maximum: Some(to) })
            .map_err(error::errno)
    };
    call("setrlimit", || format!("{name}, {{rlim_cur={to}, rlim_max={to}}}"), set)
}

/// `vhangup(2)`: take the terminal of this session away from all who use it. Wants `CAP_SYS_TTY_CONFIG`.
/// <https://man7.org/linux/man-pages/man2/vhangup.2.html>
pub fn vhangup() -> Result<()> {
    call("vhangup", String::new, raw::vhangup)
}

/// `fcntl(F_SETLEASE)`: be asked before somebody writes to this file. Wants `CAP_LEASE` where it is somebody else's.
/// <https://man7.org/linux/man-pages/man2/fcntl.2.html>
pub fn set_lease(file: &OwnedFd) -> Result<()> {
    let args = || format!("{}, F_SETLEASE, F_RDLCK", file.as_raw_fd());
    call("fcntl", args, || raw::set_lease(file.as_fd()))
}

/// A message by netlink: how is auditing set up? Wants `CAP_AUDIT_CONTROL`.
/// <https://man7.org/linux/man-pages/man3/audit_request_status.3.html>
pub fn audit_get() -> Result<()> {
    const AUDIT_GET: u16 = 1000;
    let question = message(AUDIT_GET, NLM_F_REQUEST | NLM_F_ACK, &[]);
    call(
        "sendto",
        || "NETLINK_AUDIT, {AUDIT_GET}".into(),
        || deliver(SockProtocol::NetlinkAudit, &question, 1),
    )
}

/// `bind(2)` to what is audited, as it comes. Wants `CAP_AUDIT_READ`.
/// <https://man7.org/linux/man-pages/man7/netlink.7.html>
pub fn audit_read() -> Result<()> {
    const AUDIT_NLGRP_READLOG: u32 = 1;
    call(
        "bind",
        || "NETLINK_AUDIT, {nl_groups=AUDIT_NLGRP_READLOG}".into(),
        || {
            let audit = SockProtocol::NetlinkAudit;
            let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, audit)?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, AUDIT_NLGRP_READLOG))
        },
    )
}

/// `syslog(2)`: how much of the kernel's log has nobody read? Wants `CAP_SYSLOG`.
/// <https://man7.org/linux/man-pages/man2/syslog.2.html>
pub fn syslog() -> Result<()> {
    call("syslog", || "SYSLOG_ACTION_SIZE_UNREAD, NULL, 0".into(), raw::syslog_unread)
}

/// `timerfd_create(2)` of an alarm that wakes a sleeping machine. Wants `CAP_WAKE_ALARM`.
/// <https://man7.org/linux/man-pages/man2/timerfd_create.2.html>
pub fn alarm() -> Result<()> {
    let alarm = || TimerFd::new(ClockId::CLOCK_BOOTTIME_ALARM, TimerFlags::TFD_CLOEXEC).map(drop);
    call("timerfd_create", || "CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC".into(), alarm)
}

/// `epoll_ctl(2)` with `EPOLLWAKEUP`: no sleep while something is waiting here. Wants `CAP_BLOCK_SUSPEND`, and says
/// nothing without it. What watches is returned.
/// <https://man7.org/linux/man-pages/man2/epoll_ctl.2.html>
pub fn keep_awake(watched: &OwnedFd) -> Result<OwnedFd> {
    let cloexec = || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
    let epoll =
        call("epoll_create1", || "EPOLL_CLOEXEC".into(), || cloexec().map(|epoll| epoll.0)).map(Epoll)?;
    let (fd, number) = (watched.as_raw_fd(), epoll.0.as_raw_fd());
    let args = || format!("{number}, EPOLL_CTL_ADD, {fd}, {{events=EPOLLIN|EPOLLWAKEUP, data=0}}");
    call("epoll_ctl", args, || {
        epoll.add(watched, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLWAKEUP, 0))
    })?;
    Ok(epoll.0)
}

/// `perf_event_open(2)` of a counter that tells of namespaces. Wants `CAP_PERFMON`.
/// <https://man7.org/linux/man-pages/man2/perf_event_open.2.html>
pub fn perf_event_open() -> Result<()> {
    let args = || "{type=PERF_TYPE_SOFTWARE, namespaces=1}, 0, -1, -1, PERF_FLAG_FD_CLOEXEC".into();
    call("perf_event_open", args, raw::perf_event_open)
}

/// `bpf(2)`: load the types of a program, of which there are none. Wants `CAP_BPF`.
/// <https://man7.org/linux/man-pages/man2/bpf.2.html>
pub fn bpf() -> Result<()> {
    call("bpf", || "BPF_BTF_LOAD, {}, 32".into(), raw::bpf_btf_load)
}

/// `clone3(2)` of a process that is to have this number, and that ends at once. Wants `CAP_CHECKPOINT_RESTORE`.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn clone3_numbered(pid: Pid) -> Result<()> {
    let args = || format!("flags=0, exit_signal=0, set_tid=[{pid}], set_tid_size=1");
    call("clone3", args, || raw::clone3_numbered(pid))
}
