//! A call for each capability that docker takes, in a form from which nothing comes if it is granted.

use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::kernel::clock::clock_settime;
use crate::kernel::guarded::{self, Limit};
use crate::kernel::ipc::{Missing, shmget};
use crate::kernel::process::{getppid, setsid};
use crate::kernel::uts::sethostname;
use crate::kernel::{Errno, Pid, Refused, fs, net};
use crate::machine::Refusal;
use crate::probe::Reading;
use crate::stage::{Result, Shown};

type Call = fn(&Props) -> crate::kernel::Result<()>;

/// One capability: what it is for, a call that wants it, and what the kernel says without.
pub(super) struct Each {
    pub(super) capability: &'static str,
    pub(super) what: &'static str,
    pub(super) call: &'static str,
    says: Errno,
    attempt: Call,
}

const fn each(
    capability: &'static str,
    what: &'static str,
    call: &'static str,
    says: Errno,
    attempt: Call,
) -> Each {
    Each { capability, what, call, says, attempt }
}

// ANCHOR: attempts
/// What every kernel has.
pub(super) const EVERYWHERE: [Each; 16] = [
    each("DAC_READ_SEARCH", "open a file by its handle", "open_by_handle_at()", Errno::EPERM, |with| {
        guarded::open_by_handle_at(&with.own)
    }),
    each("NET_ADMIN", "bring an interface up", "ioctl(SIOCSIFFLAGS)", Errno::EPERM, |_| net::loopback_up()),
    each("IPC_LOCK", "keep memory from the disk", "mlockall()", Errno::EPERM, |_| guarded::mlockall()),
    each("IPC_OWNER", "use a closed segment", "shmat()", Errno::EACCES, |with| guarded::shmat(with.segment)),
    each("SYS_RAWIO", "ask for blocks of a disk", "ioctl(FIBMAP)", Errno::EPERM, |with| {
        guarded::fibmap(&with.own)
    }),
    each("SYS_PTRACE", "take from a stronger one", "pidfd_getfd()", Errno::EPERM, |with| {
        guarded::pidfd_getfd(with.parent)
    }),
    each("SYS_ADMIN", "set the host's name", "sethostname()", Errno::EPERM, |_| sethostname("glass")),
    each("SYS_BOOT", "restart the machine", "reboot()", Errno::EPERM, |_| guarded::reboot()),
    each("SYS_NICE", "come before others", "setpriority()", Errno::EACCES, |_| guarded::setpriority()),
    each("SYS_RESOURCE", "raise a limit", "setrlimit()", Errno::EPERM, |_| {
        guarded::setrlimit(Limit::Memlock, 1)
    }),
    each("SYS_TIME", "set the clock", "clock_settime()", Errno::EPERM, |_| {
        // If this were granted, the clock would be set to what it is.
        clock_settime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }),
    each("SYS_TTY_CONFIG", "hang up the terminal", "vhangup()", Errno::EPERM, |_| guarded::vhangup()),
    each("LEASE", "guard somebody's file", "fcntl(F_SETLEASE)", Errno::EACCES, |with| {
        with.foreign.as_ref().map_or(Ok(()), guarded::set_lease)
    }),
    each("SYSLOG", "ask for the kernel's log", "syslog()", Errno::EPERM, |_| guarded::syslog()),
    each("WAKE_ALARM", "wake the machine up", "timerfd_create()", Errno::EPERM, |_| guarded::alarm()),
    each("CHECKPOINT_RESTORE", "choose a process's number", "clone3()", Errno::EPERM, |_| {
        guarded::clone3_numbered(Pid::from_raw(42))
    }),
];

/// What some kernels are built without, or some file systems.
pub(super) const SOMEWHERE: [Each; 7] = [
    each("LINUX_IMMUTABLE", "fix a file for everybody", "ioctl(FS_IOC_SETFLAGS)", Errno::EPERM, |with| {
        guarded::set_immutable(&with.own)
    }),
    each("SYS_MODULE", "unload a module", "delete_module()", Errno::EPERM, |_| guarded::delete_module()),
    each("SYS_PACCT", "list what ran", "acct()", Errno::EPERM, |_| guarded::acct("/tmp/nowhere")),
    each("AUDIT_CONTROL", "see to the audit", "sendto(AUDIT_GET)", Errno::EPERM, |_| guarded::audit_get()),
    each("AUDIT_READ", "read the audit", "bind(NETLINK_AUDIT)", Errno::EPERM, |_| guarded::audit_read()),
    each("PERFMON", "count events", "perf_event_open()", Errno::EACCES, |_| guarded::perf_event_open()),
    each("BPF", "load into the kernel", "bpf(BPF_BTF_LOAD)", Errno::EPERM, |_| guarded::bpf()),
];
// ANCHOR_END: attempts

/// What the kernel says where there is no such thing: the cause, and where there is one.
const NOT_THERE: [(Errno, &str, &str); 5] = [
    (Errno::ENOSYS, "this kernel was built without it", OTHER_KERNEL),
    (Errno::EPROTONOSUPPORT, "this kernel was built without it", OTHER_KERNEL),
    (Errno::ENOTTY, "this file system has no such mark", OTHER_FILES),
    (Errno::EOPNOTSUPP, "this file system has no such mark", OTHER_FILES),
    (Errno::ECONNREFUSED, "auditing hears only the first user namespace", "root of the machine hears EPERM"),
];
const OTHER_KERNEL: &str = "the kernels of distributions have it";
const OTHER_FILES: &str = "a state directory on ext4, XFS or btrfs has one";

/// What the attempts need.
pub(super) struct Props {
    own: OwnedFd,
    /// Somebody else's file, where there is one.
    foreign: Option<OwnedFd>,
    segment: usize,
    parent: Pid,
}

impl Props {
    /// Made by whoever is going to try. Limits come first, so that only a capability helps, and a terminal that could
    /// be hung up is left.
    pub(super) fn new(own: &str, foreign: Option<&str>) -> Result<Self> {
        guarded::setrlimit(Limit::Memlock, 0)?;
        guarded::setrlimit(Limit::Nice, 0)?;
        setsid()?;
        Ok(Self {
            own: fs::open(own)?,
            foreign: foreign.map(fs::open).transpose()?,
            segment: shmget(1, 64, Missing::CreateClosed)?,
            parent: getppid()?,
        })
    }
}

impl Each {
    /// Why there is nothing to try it on, where that is so.
    pub(super) fn lacks(&self, with: &Props) -> Option<Refusal> {
        let why = "there is one number here, and the files that can be seen are its own";
        let refusal =
            || Refusal { why: why.into(), hint: "a user with a range of numbers can give one away".into() };
        (self.capability == "LEASE" && with.foreign.is_none()).then(refusal)
    }

    /// What the kernel says.
    pub(super) fn tried(&self, with: &Props) -> Option<Errno> {
        (self.attempt)(with).refused()
    }

    /// Why it could not be tried, where that is so.
    pub(super) fn missing(&self, heard: Option<Errno>) -> Option<Refusal> {
        let (errno, why, hint) = NOT_THERE.into_iter().find(|(errno, ..)| heard == Some(*errno))?;
        Some(Refusal { why: format!("{why} ({}: {})", self.call, errno.shown()), hint: hint.into() })
    }

    /// For a table: what was tried, and what the kernel said.
    pub(super) fn readings(&self, heard: Option<Errno>) -> (Reading, Reading) {
        let reading = |text: String| Reading::new(self.capability, self.call, text);
        (reading(self.what.into()), reading(heard.shown()))
    }
}

/// Those among them that say `errno`, by what they should say and by what they did.
pub(super) fn saying(tried: &[(&Each, Option<Errno>)], errno: Errno) -> (String, String) {
    let names = |chosen: &dyn Fn(&Each, Option<Errno>) -> bool| {
        let those = tried.iter().filter(|(each, heard)| chosen(each, *heard));
        those.map(|(each, _)| each.capability).collect::<Vec<_>>().join(" ")
    };
    (names(&|each, _| each.says == errno), names(&|_, heard| heard == Some(errno)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel::capability::{DOCKER_DEFAULT, Set};

    /// Without this one a call is granted, and does less: the lesson tries it last.
    const GRANTED: &str = "BLOCK_SUSPEND";

    /// These the kernel itself asks for nowhere: the first is in no line of it, the others are for Smack.
    const NOWHERE: [&str; 3] = ["NET_BROADCAST", "MAC_OVERRIDE", "MAC_ADMIN"];

    #[test]
    fn each_dropped_capability_is_tried() {
        let tried = EVERYWHERE.iter().chain(&SOMEWHERE).map(|each| each.capability);
        let told: BTreeSet<&str> = tried.chain(NOWHERE).chain([GRANTED]).collect();
        let dropped = Set::all().difference(DOCKER_DEFAULT);
        assert_eq!(told, dropped.iter_names().map(|(name, _)| name).collect());
    }
}
