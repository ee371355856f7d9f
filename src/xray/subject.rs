//! The process that is looked at, and those that cannot be.

use crate::kernel::Errno;
use crate::probe::handle::{Handle, Stat};
use crate::probe::{self, Unreadable};

/// A process that can be looked at.
#[derive(Debug)]
pub struct Subject {
    /// Its number.
    pub pid: i32,
    /// The process itself, whatever becomes of its number.
    handle: Handle,
}

/// Why there is nothing to be seen.
#[derive(Debug, thiserror::Error)]
pub enum Cannot {
    /// Numbers begin with 1.
    #[error("{0} is not the number of a process")]
    NoNumber(i32),
    /// There is none.
    #[error("there is no process {0}")]
    NotThere(i32),
    /// There may be one.
    #[error("there is no process {0} that this user may see: /proc is mounted with hidepid")]
    Hidden(i32),
    /// It went away.
    #[error("process {0} ended while it was being looked at")]
    Ended(i32),
    /// Only its exit status is left.
    #[error("process {pid} has ended, and waits for its parent, {parent}, to ask how")]
    Zombie {
        /// The process.
        pid: i32,
        /// Who has to reap it.
        parent: i32,
    },
    /// It has no program.
    #[error("{0} is a thread of the kernel: it has no program, no user and no container")]
    KernelThread(i32),
    /// Its process has another number.
    #[error("{thread} is a thread of process {process}")]
    Thread {
        /// What was asked for.
        thread: i32,
        /// Where it belongs.
        process: i32,
    },
    /// A mirror shows nothing but the mirror.
    #[error("{0} is this very glassbox")]
    Itself(i32),
    /// `/proc` itself is missing, or refuses.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Cannot {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Cannot::NoNumber(_) => "the first process is 1: glassbox inspect 1".into(),
            Cannot::NotThere(_) | Cannot::Ended(_) => "see which there are: ps ax".into(),
            Cannot::Hidden(_) => "run glassbox as root".into(),
            Cannot::Zombie { parent, .. } => format!("look at the parent: glassbox inspect {parent}"),
            Cannot::KernelThread(_) => "look at a process with a program: ps --ppid 2 -p 2 --deselect".into(),
            Cannot::Thread { process, .. } => format!("glassbox inspect {process}"),
            Cannot::Itself(_) => "look at the shell that started it, for example: glassbox inspect $$".into(),
            Cannot::Unreadable(_) => "mount it: mount -t proc proc /proc".into(),
        }
    }

    /// Whether the wrong thing was asked for, rather than something that is gone.
    pub fn is_usage(&self) -> bool {
        use Cannot::{Itself, KernelThread, NoNumber, Thread};
        matches!(self, NoNumber(_) | KernelThread(_) | Thread { .. } | Itself(_))
    }
}

impl Subject {
    /// The process of this number, if it can be looked at.
    pub fn find(pid: i32) -> Result<Self, Cannot> {
        if pid < 1 {
            return Err(Cannot::NoNumber(pid));
        }
        let own = probe::link("/proc/self")?;
        if own.text == pid.to_string() {
            return Err(Cannot::Itself(pid));
        }
        let handle = Handle::open(pid).map_err(|error| absent(pid, error))?;
        let stat = handle.stat().map_err(|error| absent(pid, error))?;
        // The kernel finds a thread below /proc too, though it does not list it there.
        let process = probe::process::status(pid, "Tgid").map_err(|error| absent(pid, error))?;
        match process.text.parse() {
            Ok(process) if process != pid => return Err(Cannot::Thread { thread: pid, process }),
            _ => {}
        }
        if stat.is_kernel_thread {
            return Err(Cannot::KernelThread(pid));
        }
        alive(pid, stat)?;
        Ok(Self { pid, handle })
    }

    /// glassbox itself, for a comparison.
    pub(super) fn caller() -> Result<Self, Cannot> {
        let pid = probe::process::status("self", "Tgid")?.text.parse().unwrap_or_default();
        let handle = Handle::open(pid).map_err(|error| absent(pid, error))?;
        Ok(Self { pid, handle })
    }

    /// Whether it has been this process, alive, until now.
    pub(super) fn is_still_there(&self) -> Result<(), Cannot> {
        match self.handle.stat() {
            Ok(stat) => alive(self.pid, stat).map_err(|_| Cannot::Ended(self.pid)),
            Err(_) => Err(Cannot::Ended(self.pid)),
        }
    }
}

fn alive(pid: i32, stat: Stat) -> Result<(), Cannot> {
    match stat.state {
        'Z' | 'X' | 'x' => Err(Cannot::Zombie { pid, parent: stat.parent }),
        _ => Ok(()),
    }
}

fn absent(pid: i32, error: Unreadable) -> Cannot {
    match error.errno {
        Some(Errno::ENOENT | Errno::ESRCH) if hides() => Cannot::Hidden(pid),
        Some(Errno::ENOENT | Errno::ESRCH) => Cannot::NotThere(pid),
        Some(Errno::EACCES | Errno::EPERM) => Cannot::Hidden(pid),
        _ => Cannot::Unreadable(error),
    }
}

/// Whether `/proc` shows this user no processes of others.
fn hides() -> bool {
    let hides =
        |option: &str| option.strip_prefix("hidepid=").is_some_and(|value| !matches!(value, "0" | "off"));
    probe::process::mounted("self", "/proc").is_ok_and(|mount| mount.text.split([' ', ',']).any(hides))
}
