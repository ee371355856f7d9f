//! A session of its own, with what the program reads from and writes to.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::OFlag;

use super::gate::Gate;
use crate::container::error::{Result, doing};
use crate::kernel::fs::create;
use crate::kernel::mount::bind;
use crate::kernel::process::setsid;
use crate::kernel::terminal;

/// What a container reads from, and writes to.
#[derive(Debug, Default)]
pub enum Streams {
    /// What its maker has.
    #[default]
    Inherited,
    /// These instead: standard input, output and error. What is not given is as its maker has it.
    Given([Option<OwnedFd>; 3]),
    /// A terminal of its own, whose other end its maker gets.
    Terminal,
}

pub(super) fn begin(streams: &Streams, gate: &Gate) -> Result<()> {
    setsid()?;
    match streams {
        Streams::Inherited => Ok(()),
        Streams::Given([input, output, error]) => redirect(input.as_ref(), output.as_ref(), error.as_ref()),
        Streams::Terminal => {
            let master = terminal::open_pty("/dev/pts/ptmx")?;
            let own = terminal::peer(&master)?;
            gate.pass_terminal(&master)?;
            terminal::set_controlling(&own)?;
            redirect(Some(&own), Some(&own), Some(&own))?;
            // Process 1 has the first one, and it is the container's console.
            if nix::unistd::getpid().as_raw() == 1 {
                create("/dev/console", "")?;
                bind("/dev/pts/0", "/dev/console")?;
            }
            Ok(())
        }
    }
}

fn redirect(input: Option<&OwnedFd>, output: Option<&OwnedFd>, error: Option<&OwnedFd>) -> Result<()> {
    let dup = || -> nix::Result<()> {
        input.map_or(Ok(()), |fd| nix::unistd::dup2_stdin(fd.as_fd()))?;
        output.map_or(Ok(()), |fd| nix::unistd::dup2_stdout(fd.as_fd()))?;
        error.map_or(Ok(()), |fd| nix::unistd::dup2_stderr(fd.as_fd()))
    };
    doing("cannot redirect standard input and output", dup().map_err(Into::into))
}

/// Nothing to read, and nobody who reads.
pub fn null() -> Result<OwnedFd> {
    let opened =
        nix::fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty());
    doing("cannot open /dev/null", opened.map_err(Into::into))
}
