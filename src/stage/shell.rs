//! A shell in the namespaces of a step, in between.

use std::io;

use super::channel::retry;
use super::interrupt;
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::{Clone3, execve};
use crate::kernel::{Pid, fs, raw};
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
    waited?;
    Ok(())
}

/// A PID namespace is entered by children only: join, then make the child that becomes the shell.
fn enter(pid: Pid, kinds: &[Kind]) -> i32 {
    let attempt = || -> super::Result<()> {
        super::error::doing("resetting signals", interrupt::unguard().map_err(Into::into))?;
        setns(pid, kinds)?;
        fs::chdir("/")?;
        match Clone3::new().call(None)? {
            Some(shell) => crate::kernel::process::wait4(Some(shell)).map(drop)?,
            None => {
                let prompt = format!("PS1=(inside {pid}) # ");
                let env = [
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "TERM=xterm",
                    &prompt,
                ];
                let failed = execve("/bin/sh", &["sh", "-i"], &env);
                eprintln!("glassbox: no shell inside: {failed}");
                raw::exit_now(127);
            }
        }
        Ok(())
    };
    match attempt() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("glassbox: cannot go inside: {error}");
            1
        }
    }
}
