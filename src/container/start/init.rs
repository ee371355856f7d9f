//! `--init`: a small process 1 that reaps orphans and passes signals on to the program.
//!
//! The kernel gives process 1 no signal that it has no handler for, and every orphan of its PID namespace. Many programs
//! are not made for that.

use std::convert::Infallible;
use std::io::stdin;

use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, setpgid, tcsetpgrp};

use super::identity::Identity;
use super::program;
use crate::container::error::{Error, Result, doing};
use crate::container::spec::Process;
use crate::kernel::process::{Ended, Sig, kill, set_name};
use crate::kernel::{Errno, raw};

/// Whether this process is to be the one.
pub(super) fn is_wanted(process: &Process) -> bool {
    process.init && getpid().as_raw() == 1
}

/// Start the program below this process, which ends with it. Returns only in a child that cannot become the program.
pub(super) fn begin(process: &Process, who: &Identity) -> Result<Infallible> {
    // From here on none is missed.
    let all = SigSet::all();
    doing("cannot keep signals back", all.thread_block().map_err(Into::into))?;
    let forked =
        raw::fork().map_err(|errno| crate::kernel::Error { call: "fork", args: String::new(), errno })?;
    let Some(child) = forked else {
        if process.terminal {
            // Ctrl-C means the program's group.
            let front =
                || setpgid(Pid::from_raw(0), Pid::from_raw(0)).and_then(|()| tcsetpgrp(stdin(), getpid()));
            doing("cannot bring the program to the front", front().map_err(Into::into))?;
        }
        let unblocked = SigSet::empty().thread_set_mask();
        doing("cannot take signals", unblocked.map_err(Into::into))?;
        return Err(program::exec(process, who));
    };
    // Whoever waits for the program to begin waits for the end of a descriptor that was inherited here.
    raw::close_range(3, u32::MAX)
        .map_err(|errno| Error::Io { what: "cannot close descriptors".into(), why: errno.into() })?;
    set_name("init")?;
    raw::exit_now(look_after(child, &all).shell_status())
}

fn look_after(child: Pid, signals: &SigSet) -> Ended {
    loop {
        match signals.wait() {
            Ok(Sig::SIGCHLD) => {
                if let Some(ended) = reap(child) {
                    return ended;
                }
            }
            // One that has just ended gets no signals any more.
            Ok(signal) => drop(kill(child, signal)),
            Err(_) => {}
        }
    }
}

/// Everybody who has ended; how the child did, if it has.
fn reap(child: Pid) -> Option<Ended> {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => end = Some(Ended::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => end = Some(Ended::Killed(signal)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return end,
            Ok(_) | Err(Errno::EINTR) => {}
            // There is nobody to be waited for.
            Err(_) => return end.or(Some(Ended::Exited(1))),
        }
    }
}
