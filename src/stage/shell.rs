//! A shell in the namespaces of a step, in between.

use std::io;

use nix::sys::signal::SigSet;

use super::channel::retry;
use super::interrupt;
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::{Clone3, Sig, execve, wait4};
use crate::kernel::{Pid, fs, raw};
use crate::machine::{Refusal, explain};
use crate::probe;

/// Open an interactive shell in all the namespaces of `pid`, and wait until it ends.
pub fn open_shell(pid: Pid) -> io::Result<()> {
    let kinds = probe::process::other_namespaces(pid);
    let Some(entered) = raw::fork()? else {
        raw::exit_now(enter(pid, &kinds));
    };
    interrupt::leave_ctrl_c(true);
    let waited = retry(|| nix::sys::wait::waitpid(entered, None));
    interrupt::leave_ctrl_c(false);
    // The shell cannot give the terminal back: our process group has no number in its namespace.
    take_terminal()?;
    waited?;
    Ok(())
}

/// Make the caller's process group the one that the terminal's keys go to.
fn take_terminal() -> nix::Result<()> {
    // A group in the background that does this is stopped, unless it has this signal blocked.
    let stop = SigSet::from_iter([Sig::SIGTTOU]);
    stop.thread_block()?;
    let taken = nix::unistd::tcsetpgrp(io::stdin(), nix::unistd::getpgrp());
    stop.thread_unblock()?;
    taken
}

/// The shell, a process group of its own as job control wants it.
fn become_shell(pid: Pid) -> ! {
    const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let this = Pid::from_raw(0);
    let leading = nix::unistd::setpgid(this, this).and_then(|()| take_terminal());
    if let Err(errno) = leading {
        eprintln!("note: the shell goes without job control: tcsetpgrp: {errno:?}, {}", errno.desc());
    }
    let prompt = format!("PS1=(inside {pid}) # ");
    let failed = execve("/bin/sh", &["sh", "-i"], &[PATH, "TERM=xterm", &prompt]);
    complain("there is no shell inside", &explain(&failed));
    raw::exit_now(127);
}

fn complain(what: &str, Refusal { why, hint }: &Refusal) {
    eprintln!("error: {what}: {why}\nhint: {hint}");
}

/// A PID namespace is entered by children only: join, then make the child that becomes the shell.
fn enter(pid: Pid, kinds: &[Kind]) -> i32 {
    let attempt = || -> super::Result<()> {
        crate::error::doing("resetting signals", interrupt::unguard().map_err(Into::into))?;
        setns(pid, kinds)?;
        fs::chdir("/")?;
        match Clone3::new().call(None)? {
            Some(shell) => wait4(Some(shell)).map(drop)?,
            None => become_shell(pid),
        }
        Ok(())
    };
    match attempt() {
        Ok(()) => 0,
        Err(error) => {
            complain("cannot go inside", &error.explained());
            1
        }
    }
}
