//! A process, held by its directory in `/proc`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

use super::{Result, refused, unreadable};

/// The open directory of a process. It stays that of this very process: once the process is gone, nothing can be
/// read through it any more, even if another one has got the number.
#[derive(Debug)]
pub struct Handle {
    dir: OwnedFd,
    path: PathBuf,
}

/// What `/proc/PID/stat` says.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R` for running, `S` for sleeping, `Z` for one that waits to be reaped.
    pub state: char,
    /// The number of the parent.
    pub parent: i32,
    /// Whether it belongs to the kernel and has no program.
    pub is_kernel_thread: bool,
}

impl Handle {
    /// The process that has this number now.
    pub fn open(pid: i32) -> Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty());
        let dir = dir.map_err(|errno| refused(&path, &errno.into()))?;
        Ok(Self { dir, path })
    }

    /// How the process is now; refused with `ENOENT` or `ESRCH` when it is gone.
    pub fn stat(&self) -> Result<Stat> {
        const PF_KTHREAD: u64 = 0x0020_0000;
        let path = self.path.join("stat");
        let text = self.read("stat").map_err(|error| refused(&path, &error))?;
        // The name, in parentheses, can have any sign in it.
        let (_, fields) = text.rsplit_once(") ").unwrap_or_default();
        let mut fields = fields.split(' ');
        let mut next = |skipped: usize| fields.nth(skipped).unwrap_or_default();
        let (state, parent, flags) = (next(0).chars().next(), next(0).parse(), next(4).parse::<u64>());
        match (state, parent, flags) {
            (Some(state), Ok(parent), Ok(flags)) => {
                Ok(Stat { state, parent, is_kernel_thread: flags & PF_KTHREAD != 0 })
            }
            _ => Err(unreadable(&path, "it has no state, parent and flags")),
        }
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let file = rustix::fs::openat(&self.dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut bytes = vec![];
        File::from(file).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
