//! What a container reads from, and writes to.
//!
//! A file or a pipe of ours becomes its own. Our terminal does not: a program could type into it, or change it. It gets
//! a pipe, or a terminal of its own, and the supervisor copies.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::cli::problem::Problem;
use crate::container::start::Streams;
use crate::container::start::null;
use crate::container::supervise::{Flow, RawMode, Supervisor};

/// What the supervisor copies, and what it holds.
#[derive(Default)]
pub(super) struct Wiring {
    flows: Vec<Flow>,
    /// Kept open, so that its reader sees no end.
    kept: Vec<OwnedFd>,
}

fn system(error: impl Into<io::Error>) -> Problem {
    Problem::system("cannot set up standard input and output", error)
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Problem> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(system)
}

/// Whether a container may have it. A terminal or a directory would lead it out of its own world.
fn may_pass(fd: BorrowedFd) -> bool {
    let is_dir =
        fstat(fd).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR);
    !fd.is_terminal() && !is_dir
}

impl Wiring {
    /// For a container that is waited for.
    pub(super) fn in_front(interactive: bool, terminal: bool) -> Result<(Streams, Self), Problem> {
        let mut flows = vec![];
        if terminal {
            return Ok((Streams::Terminal, Self::default()));
        }
        let mut output = |ours: BorrowedFd| -> Result<Option<OwnedFd>, Problem> {
            if may_pass(ours) {
                return Ok(None);
            }
            let (from, theirs) = pipe()?;
            flows.push(Flow::new(from, ours.try_clone_to_owned().map_err(system)?));
            Ok(Some(theirs))
        };
        let (stdout, stderr) = (output(io::stdout().as_fd())?, output(io::stderr().as_fd())?);
        let stdin = match io::stdin() {
            _ if !interactive => Some(null()?),
            ours if may_pass(ours.as_fd()) => None,
            ours => {
                let (theirs, to) = pipe()?;
                flows.push(Flow::new(ours.as_fd().try_clone_to_owned().map_err(system)?, to));
                Some(theirs)
            }
        };
        Ok((Streams::Given([stdin, stdout, stderr]), Self { flows, kept: vec![] }))
    }

    /// For a container that nobody waits for: what it writes goes into its log.
    pub(super) fn detached(
        interactive: bool,
        terminal: bool,
        logs: &Path,
    ) -> Result<(Streams, Self), Problem> {
        if terminal {
            return Ok((Streams::Terminal, Self::default()));
        }
        let log = open_log(logs)?;
        let again = log.try_clone().map_err(system)?;
        let (stdin, kept) = if interactive {
            let (theirs, kept) = pipe()?;
            (theirs, vec![kept])
        } else {
            (null()?, vec![])
        };
        let streams = Streams::Given([Some(stdin), Some(log), Some(again)]);
        Ok((streams, Self { flows: vec![], kept }))
    }

    /// What the supervisor has to do with it.
    pub(super) fn connect(self, supervisor: &mut Supervisor) -> Vec<OwnedFd> {
        self.flows.into_iter().for_each(|flow| supervisor.copy(flow));
        self.kept
    }
}

/// A log, which only grows.
fn open_log(path: &Path) -> Result<OwnedFd, Problem> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND | OFlag::O_CLOEXEC;
    nix::fcntl::open(path, flags, Mode::from_bits_truncate(0o600)).map_err(system)
}

/// Our terminal in front of a container's: keys go in, and what it writes comes out.
pub(super) fn attach(
    supervisor: &mut Supervisor,
    master: OwnedFd,
    interactive: bool,
) -> Result<Option<RawMode>, Problem> {
    let again = |fd: &OwnedFd| fd.try_clone().map_err(system);
    supervisor.copy(Flow::new(again(&master)?, io::stdout().as_fd().try_clone_to_owned().map_err(system)?));
    let mut raw = None;
    if interactive {
        if io::stdin().is_terminal() {
            raw = Some(RawMode::enter()?);
        }
        supervisor
            .copy(Flow::new(io::stdin().as_fd().try_clone_to_owned().map_err(system)?, again(&master)?));
    }
    supervisor.keep_size(master);
    Ok(raw)
}

/// The same of a container that nobody waits for: what it writes goes into its log.
pub(super) fn log(supervisor: &mut Supervisor, master: OwnedFd, logs: &Path) -> Result<(), Problem> {
    supervisor.copy(Flow::new(master, open_log(logs)?));
    Ok(())
}

/// Nobody's standard input, output and error any more, and in nobody's directory: whoever waits for the end of a pipe
/// need not wait for us.
pub(super) fn let_go() -> Result<(), Problem> {
    let null = null()?;
    std::env::set_current_dir("/").map_err(system)?;
    let all = || {
        nix::unistd::dup2_stdin(&null)?;
        nix::unistd::dup2_stdout(&null)?;
        nix::unistd::dup2_stderr(&null)
    };
    all().map_err(system)
}
