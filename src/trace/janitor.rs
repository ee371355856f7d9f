//! The janitor of a run.
//!
//! ```text
//! director ──fork──▶ janitor     its own session; holds the read end of a pipe
//!    │
//!    └──fork──▶ performer ──▶ …  all of them hold the write end, closed by execve
//! ```
//! A pipe reads end-of-file when its last writer is gone, however it went. Then the janitor settles the
//! ledger, and ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::ledger;
use crate::kernel::process::Sig;
use crate::kernel::{Pid, raw};

/// A running janitor, as its director sees it.
#[derive(Debug)]
pub struct Janitor {
    pid: Pid,
    /// While any process has this open, the janitor waits.
    alive: OwnedFd,
}

/// Signals that end a terminal's processes; the janitor outlives them.
const OUTLIVED: [Sig; 4] = [Sig::SIGINT, Sig::SIGTERM, Sig::SIGHUP, Sig::SIGQUIT];

impl Janitor {
    /// Fork the janitor of the ledger at `path`, and wait until no signal to the terminal's processes can end
    /// it. To be called before any other process of the run is made.
    pub fn hire(path: &Path) -> io::Result<Self> {
        let (waiting, alive) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let (ready, preparing) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        match raw::fork()? {
            Some(pid) => {
                drop(preparing);
                File::from(ready).read_to_end(&mut vec![])?;
                Ok(Self { pid, alive })
            }
            None => {
                drop((alive, ready));
                let prepared = withdraw();
                drop(preparing);
                let done = prepared.and_then(|()| attend(waiting, path));
                raw::exit_now(i32::from(done.is_err()));
            }
        }
    }

    /// The descriptor that keeps it waiting.
    pub fn alive(&self) -> RawFd {
        self.alive.as_raw_fd()
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The run is over: let go, and wait until everything has been removed.
    pub fn dismiss(self) {
        drop(self.alive);
        // It is our child and nobody else waits for it; that it is gone already is as good.
        let _ = nix::sys::wait::waitpid(self.pid, None);
    }
}

/// Leave the terminal's session, and its signals.
fn withdraw() -> io::Result<()> {
    nix::unistd::setsid()?;
    let ignore = nix::sys::signal::SigSet::from_iter(OUTLIVED);
    ignore.thread_block()?;
    let_go_of_the_terminal()
}

/// Wait until everybody else is gone, then clear away.
fn attend(waiting: OwnedFd, path: &Path) -> io::Result<()> {
    File::from(waiting).read_to_end(&mut vec![])?;
    ledger::settle(path)?;
    Ok(())
}

/// A terminal, or a pipe behind the command, stays open as long as anybody holds it.
fn let_go_of_the_terminal() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    std::env::set_current_dir("/")
}
