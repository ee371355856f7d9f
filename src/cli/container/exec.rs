//! `glassbox exec`: a second program in a container that runs.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::streams::{self, Wiring};
use super::{Outcome, coded, order, records};
use crate::cli::problem::Problem;
use crate::container::State;
use crate::container::error::Error;
use crate::container::exec::exec;
use crate::container::own_program;
use crate::container::spec::Process;
use crate::container::start::{Streams, null};
use crate::container::supervise::Supervisor;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox exec web ps ax
  glassbox exec -it web sh      a shell in it

Exit codes: that of the program; 126 it cannot be started, 127 it was not found.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Let it read our standard input
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal of its own
    #[arg(short, long)]
    tty: bool,
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
    /// A variable of its environment; without a value that of ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The directory in which it starts
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Who it runs as
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// The container
    container: String,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    if args.tty && args.interactive && !args.detach && !io::stdin().is_terminal() {
        let hint = "leave -t away: then the program reads what is piped into it";
        return Err(Problem::gone("standard input is no terminal, and -it wants one", hint));
    }
    // The container's processes are at work, and could get hold of what runs here.
    own_program::seal().map_err(coded)?;
    let records = records()?;
    let container = records.find_started(&args.container)?;
    container.running()?;
    if container.state == State::Paused {
        return Err(Error::State { name: container.created.name, state: "paused" }.into());
    }
    let process = process(args, container.created.spec.process.clone());
    let mut supervisor = Supervisor::begin().map_err(coded)?;
    let (streams, wiring) = if args.detach {
        (Streams::Given([Some(null()?), Some(null()?), Some(null()?)]), Wiring::default())
    } else {
        Wiring::in_front(args.interactive, args.tty)?
    };
    let started = exec(&container, records.users(), &process, streams, args.detach).map_err(coded)?;
    let kept = wiring.connect(&mut supervisor);
    let master = supervisor.take_guest(started).map_err(coded)?;
    if args.detach {
        return Ok(ExitCode::SUCCESS);
    }
    // Our terminal gets its settings back when this goes.
    let attached = master.map(|master| streams::attach(&mut supervisor, master, args.interactive));
    let attached = attached.transpose()?;
    let ended = supervisor.look_after().map_err(coded)?;
    drop((attached, kept));
    Ok(ExitCode::from(ended.shell_status() as u8))
}

/// Like the container's own program, but for what the command line says.
fn process(args: &Args, own: Process) -> Process {
    let mut env = own.env;
    args.env.iter().for_each(|entry| order::set(&mut env, entry));
    Process {
        args: args.command.clone(),
        env,
        cwd: args.workdir.clone().unwrap_or(own.cwd),
        user: args.user.clone().unwrap_or(own.user),
        terminal: args.tty && !args.detach,
        init: false,
    }
}
