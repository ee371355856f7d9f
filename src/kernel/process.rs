//! Processes: made, replaced, ended, waited for.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use nix::sched::CpuSet;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::{libc, unistd};

use super::record::{call, last_call, note, quoted};
use super::{Errno, Error, Pid, Result, raw};

pub use nix::sys::signal::Signal as Sig;

/// The arguments of `clone3(2)`: which namespaces the child gets for itself.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
#[derive(Debug, Default, Clone, Copy)]
pub struct Clone3 {
    flags: u64,
}

/// The flags that `clone3` takes here, with their names.
const CLONE_FLAGS: &[(i32, &str)] = &[
    (libc::CLONE_NEWTIME, "CLONE_NEWTIME"),
    (libc::CLONE_PARENT, "CLONE_PARENT"),
    (libc::CLONE_NEWNS, "CLONE_NEWNS"),
    (libc::CLONE_NEWCGROUP, "CLONE_NEWCGROUP"),
    (libc::CLONE_NEWUTS, "CLONE_NEWUTS"),
    (libc::CLONE_NEWIPC, "CLONE_NEWIPC"),
    (libc::CLONE_NEWUSER, "CLONE_NEWUSER"),
    (libc::CLONE_NEWPID, "CLONE_NEWPID"),
    (libc::CLONE_NEWNET, "CLONE_NEWNET"),
];

impl Clone3 {
    /// A plain child that shares every namespace with its parent, as `fork` makes it.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(self, flag: i32) -> Self {
        Self { flags: self.flags | flag as u64 }
    }

    /// `CLONE_NEWPID`: the child is process 1 of a new PID namespace.
    pub fn newpid(self) -> Self {
        self.with(libc::CLONE_NEWPID)
    }

    /// `CLONE_NEWNS`: a copy of the mount table.
    pub fn newns(self) -> Self {
        self.with(libc::CLONE_NEWNS)
    }

    /// `CLONE_NEWUTS`: its own host name.
    pub fn newuts(self) -> Self {
        self.with(libc::CLONE_NEWUTS)
    }

    /// `CLONE_NEWIPC`: its own System V objects and POSIX message queues.
    pub fn newipc(self) -> Self {
        self.with(libc::CLONE_NEWIPC)
    }

    /// `CLONE_NEWNET`: its own network stack, with a loopback interface that is down.
    pub fn newnet(self) -> Self {
        self.with(libc::CLONE_NEWNET)
    }

    /// `CLONE_NEWUSER`: its own user and group numbers, and capabilities over what it makes.
    pub fn newuser(self) -> Self {
        self.with(libc::CLONE_NEWUSER)
    }

    /// `CLONE_NEWTIME`: its own offsets of the boot and monotonic clocks.
    pub fn newtime(self) -> Self {
        self.with(libc::CLONE_NEWTIME)
    }

    /// `CLONE_PARENT`: not a child but a sibling, for whose end the caller's own parent waits.
    pub fn parent(self) -> Self {
        self.with(libc::CLONE_PARENT)
    }

    fn names(self, into_cgroup: bool) -> String {
        let mut names: Vec<&str> = CLONE_FLAGS
            .iter()
            .filter(|(flag, _)| self.flags & *flag as u64 != 0)
            .map(|(_, name)| *name)
            .collect();
        if into_cgroup {
            names.push("CLONE_INTO_CGROUP");
        }
        if names.is_empty() { "0".into() } else { names.join("|") }
    }

    /// Make the child: `Some(pid)` in the parent, `None` in the child.
    ///
    /// With `cgroup` the child starts inside that cgroup (v2 only), which is by far the fastest way to join.
    pub fn call(self, cgroup: Option<BorrowedFd>) -> Result<Option<Pid>> {
        // A sibling ends with the signal that its maker ends with.
        let signal = Some(Signal::SIGCHLD).filter(|_| self.flags & libc::CLONE_PARENT as u64 == 0);
        let args = || {
            let signal = signal.map_or("0", Signal::as_str);
            format!("flags={}, exit_signal={signal}", self.names(cgroup.is_some()))
        };
        let started = Instant::now();
        match raw::clone3(self.flags, signal, cgroup).transpose() {
            None => Ok(None), // the child: the call is the parent's, and so is the record
            Some(result) => note("clone3", args, started.elapsed(), result).map(Some),
        }
    }

    /// Make a child that is to become a program, and stand still until it has, or has ended with the number that `child`
    /// returns. It is in the caller's memory meanwhile, which is quicker than a copy: see [`raw::clone3_vfork`].
    pub fn vfork(self, cgroup: Option<BorrowedFd>, child: &mut dyn FnMut() -> i32) -> Result<Pid> {
        let args = || {
            let names = self.names(cgroup.is_some());
            format!("flags=CLONE_VM|CLONE_VFORK|{names}, exit_signal={}", Signal::SIGCHLD)
        };
        let started = Instant::now();
        let made = raw::clone3_vfork(self.flags, cgroup, child);
        note("clone3", args, started.elapsed(), made)
    }
}

/// `getpid(2)`: the caller's number in its own PID namespace.
/// <https://man7.org/linux/man-pages/man2/getpid.2.html>
pub fn getpid() -> Result<Pid> {
    call("getpid", String::new, || Ok(unistd::getpid()))
}

/// `getppid(2)`: the parent's number, 0 when the parent is outside of the PID namespace.
/// <https://man7.org/linux/man-pages/man2/getpid.2.html>
pub fn getppid() -> Result<Pid> {
    call("getppid", String::new, || Ok(unistd::getppid()))
}

/// `kill(2)`: send a signal.
/// <https://man7.org/linux/man-pages/man2/kill.2.html>
pub fn kill(pid: Pid, signal: Signal) -> Result<()> {
    call("kill", || format!("{pid}, {signal}"), || nix::sys::signal::kill(pid, signal))
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(Signal),
}

impl Ended {
    /// The number that shells, and container managers after them, make of it: a signal counts from 128.
    pub fn shell_status(self) -> i32 {
        match self {
            Ended::Exited(code) => code,
            Ended::Killed(signal) => 128 + signal as i32,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Ended::Exited(code) => write!(f, "exited with {code}"),
            Ended::Killed(signal) => write!(f, "killed by {signal}"),
        }
    }
}

/// `wait4(2)` for one child, or for any child with `None`: which one ended, and how.
/// <https://man7.org/linux/man-pages/man2/wait4.2.html>
pub fn wait4(pid: Option<Pid>) -> Result<(Pid, Ended)> {
    let args = || pid.map_or("-1".into(), |pid| pid.to_string());
    let mut ended = Ended::Exited(0);
    let pid = call("wait4", args, || {
        loop {
            match nix::sys::wait::waitpid(pid, None) {
                Ok(WaitStatus::Exited(pid, code)) => {
                    ended = Ended::Exited(code);
                    return Ok(pid);
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    ended = Ended::Killed(signal);
                    return Ok(pid);
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    })?;
    Ok((pid, ended))
}

/// `execve(2)`: become another program. Returns only if that failed.
/// <https://man7.org/linux/man-pages/man2/execve.2.html>
pub fn execve(program: &str, argv: &[&str], env: &[&str]) -> Error {
    let strings = |list: &[&str]| -> nix::Result<Vec<CString>> {
        list.iter().map(|text| CString::new(*text).map_err(|_| Errno::EINVAL)).collect()
    };
    let args = || {
        let argv: Vec<String> = argv.iter().map(quoted).collect();
        format!("{}, [{}]", quoted(program), argv.join(", "))
    };
    last_call("execve", args, || {
        let attempt = || {
            let path = CString::new(program).map_err(|_| Errno::EINVAL)?;
            // Rust's programs ignore SIGPIPE, and what is ignored stays so across execve: not for others.
            raw::default_signals(&[Signal::SIGPIPE])?;
            unistd::execve(&path, &strings(argv)?, &strings(env)?)
        };
        match attempt() {
            Ok(never) => match never {},
            Err(errno) => errno,
        }
    })
}

/// `fexecve(3)` of a sealed copy in memory of an open program, with what it was called with and its environment. Nobody
/// can change the copy, and it leads to no file. Returns only if that failed.
/// <https://man7.org/linux/man-pages/man2/memfd_create.2.html>
pub fn exec_sealed(program: &File, argv: &[OsString], env: &[(OsString, OsString)]) -> Error {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let string = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| Errno::EINVAL);
    last_call(
        "execveat",
        || "memfd:glassbox".into(),
        || {
            let attempt = || {
                let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
                let copy = memfd_create("glassbox", flags).map_err(super::error::errno)?;
                let mut copy = File::from(copy);
                std::io::copy(&mut &*program, &mut copy).map_err(|error| super::error::io_errno(&error))?;
                let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
                // Who moves memory about has hold of its pages for a moment: the kernel waits for that, but not for long.
                let mut sealed = fcntl_add_seals(&copy, seals);
                for _ in 0..100 {
                    if sealed != Err(rustix::io::Errno::BUSY) {
                        break;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(10));
                    sealed = fcntl_add_seals(&copy, seals);
                }
                sealed.map_err(super::error::errno)?;
                let argv: nix::Result<Vec<CString>> =
                    argv.iter().map(|arg| string(arg.as_bytes().into())).collect();
                let env: nix::Result<Vec<CString>> = env
                    .iter()
                    .map(|(name, value)| string([name.as_bytes(), b"=", value.as_bytes()].concat()))
                    .collect();
                unistd::fexecve(&copy, &argv?, &env?)
            };
            match attempt() {
                Ok(never) => match never {},
                Err(errno) => errno,
            }
        },
    )
}

/// `setrlimit(2)` with `RLIMIT_NOFILE`: let this process have so many files open, unless it may already.
/// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
pub fn raise_open_files(count: u64) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    if before.current.is_none_or(|now| now >= count) {
        return Ok(());
    }
    let maximum = before.maximum.map(|most| most.max(count));
    let raised = Rlimit { current: Some(count), maximum };
    let args = || format!("RLIMIT_NOFILE, {count}");
    call("setrlimit", args, || setrlimit(Resource::Nofile, raised).map_err(super::error::errno))
}

/// `setsid(2)`: begin a session of one's own, without a terminal.
/// <https://man7.org/linux/man-pages/man2/setsid.2.html>
pub fn setsid() -> Result<Pid> {
    call("setsid", String::new, unistd::setsid)
}

/// `prctl(PR_SET_PDEATHSIG)`: get this signal when the maker of this process ends.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn set_parent_death_signal(signal: Signal) -> Result<()> {
    call("prctl", || format!("PR_SET_PDEATHSIG, {signal}"), || raw::set_parent_death_signal(Some(signal)))
}

/// `close_range(2)` with `CLOSE_RANGE_CLOEXEC`: no descriptor but the first three outlives the next `execve`.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_range_on_exec() -> Result<()> {
    const FIRST: u32 = 3;
    call("close_range", || format!("{FIRST}, ~0, CLOSE_RANGE_CLOEXEC"), || raw::close_range_on_exec(FIRST))
}

/// `sched_setaffinity(2)`: from here on the caller runs on this CPU and on no other.
/// <https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html>
pub fn sched_setaffinity(cpu: usize) -> Result<()> {
    let args = || format!("0, {}, [{cpu}]", size_of::<CpuSet>());
    call("sched_setaffinity", args, || {
        let mut cpus = CpuSet::new();
        cpus.set(cpu)?;
        nix::sched::sched_setaffinity(Pid::from_raw(0), &cpus)
    })
}

/// `prctl(PR_SET_NO_NEW_PRIVS)`: from here on no program can gain privileges by being executed.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn set_no_new_privs() -> Result<()> {
    call(
        "prctl",
        || "PR_SET_NO_NEW_PRIVS, 1".into(),
        || rustix::thread::set_no_new_privs(true).map_err(super::error::errno),
    )
}

/// `prctl(PR_SET_NO_NEW_PRIVS)` with 0: take that back. The kernel does not know how.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn unset_no_new_privs() -> Result<()> {
    call(
        "prctl",
        || "PR_SET_NO_NEW_PRIVS, 0".into(),
        || rustix::thread::set_no_new_privs(false).map_err(super::error::errno),
    )
}

/// `prctl(PR_SET_DUMPABLE)`: what is in `/proc/self` belongs to this process again, which a change of its number has
/// taken away.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn set_dumpable() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    let dumpable = || set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(super::error::errno);
    call("prctl", || "PR_SET_DUMPABLE, SUID_DUMP_USER".into(), dumpable)
}

/// `prctl(PR_SET_NAME)`: the name in `/proc/PID/comm`, at most fifteen bytes.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn set_name(name: &str) -> Result<()> {
    call(
        "prctl",
        || format!("PR_SET_NAME, {}", quoted(name)),
        || {
            let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
            rustix::thread::set_name(&name).map_err(super::error::errno)
        },
    )
}
