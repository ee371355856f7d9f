//! Signals, read from a descriptor.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use crate::container::error::{Result, doing};
use crate::kernel::process::Ended;
use crate::kernel::{Errno, Pid};

/// What is passed on to a container, and what tells of its end.
const KEPT_BACK: [Signal; 10] = [
    Signal::SIGCHLD,
    Signal::SIGWINCH,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
];

/// By these somebody wants an end.
pub(super) const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// Signals that are kept back, until they are read.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    pub(super) fn keep_back() -> Result<Self> {
        let set = SigSet::from_iter(KEPT_BACK);
        let keep = || {
            set.thread_block()?;
            SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        };
        Ok(Self(doing("cannot keep signals back", keep().map_err(Into::into))?))
    }

    /// The next one that has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Signal>> {
        let read = match self.0.read_signal() {
            Err(Errno::EINTR) => return Ok(None),
            read => doing("cannot read signals", read.map_err(Into::into))?,
        };
        Ok(read.and_then(|info| Signal::try_from(info.ssi_signo as i32).ok()))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A child that has ended, if one has.
pub(super) fn ended() -> Result<Option<(Pid, Ended)>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Ok(Some((pid, Ended::Exited(code)))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Ok(Some((pid, Ended::Killed(signal)))),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return doing("cannot wait for the container", Err(errno.into())),
        }
    }
}
