//! `glassbox run`: a container is made of an image, and a program run in it.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use super::create::Flags;
use super::streams::{self, Wiring};
use super::{Outcome, coded, order, ours, records};
use crate::cli::image::store;
use crate::cli::problem::Problem;
use crate::container::error::Error;
use crate::container::run::{Ground, Order};
use crate::container::start::Dark;
use crate::container::supervise::Supervisor;
use crate::image::Store;
use crate::kernel::process::{setsid, wait4};
use crate::kernel::talk::pipe2;
use crate::kernel::{fs, raw};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox run --rm -it tiny sh                      a shell, and nothing is left of it
  glassbox run -m 64m --cpus 0.5 --pids-limit 64 tiny sh -c 'ls /'
  glassbox run -d --name web -v $PWD:/srv:ro tiny sleep 1000
  glassbox run -e LANG=C -w /tmp -u 1000:1000 tiny env

Exit codes: that of the program; 125 the container could not be made, 126 the
program cannot be started, 127 it was not found.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Let it read our standard input
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal of its own
    #[arg(short, long)]
    tty: bool,
    /// Do not wait for its end, and print its number
    #[arg(short, long)]
    detach: bool,
    /// Remove it when it has ended
    #[arg(long)]
    rm: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The image
    image: String,
    /// The program and its arguments, if not those of the image
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    if args.tty && args.interactive && !args.detach && !io::stdin().is_terminal() {
        let hint = "leave -t away: then the program reads what is piped into it";
        return Err(ours(Problem::usage("standard input is no terminal, and -it wants one", hint)));
    }
    // What is made here is for the container's users, too.
    fs::umask(0o022).map_err(|error| coded(error.into()))?;
    let records = records().map_err(ours)?;
    let store = store().map_err(ours)?;
    let image = store.image(&args.image).map_err(ours)?;
    let spec = order::spec(&args.flags, &image, &args.command, args.tty).map_err(ours)?;
    let order = Order {
        spec,
        name: args.flags.name.clone().unwrap_or_default(),
        image: args.image.clone(),
        auto_remove: args.rm,
        detached: args.detach,
    };
    let ground = Ground::of(&records, &image).map_err(coded)?;
    if args.detach { detached(args, &ground, store, &order) } else { in_front(args, &ground, store, &order) }
}

/// This process looks after it, and ends with it.
fn in_front(args: &Args, ground: &Ground, store: Store, order: &Order) -> Outcome {
    let mut supervisor = Supervisor::begin().map_err(coded)?;
    let (streams, wiring) = Wiring::in_front(args.interactive, args.tty).map_err(ours)?;
    let (record, group) = ground.record(order).map_err(coded)?;
    // As long as it was open, no image was removed. Now there is a container of this one.
    drop(store);
    let launched = ground.launch(record, group, streams, &mut Dark).map_err(coded)?;
    let kept = wiring.connect(&mut supervisor);
    let master = supervisor.take(launched).map_err(coded)?;
    // Our terminal gets its settings back when this goes.
    let attached = master.map(|master| streams::attach(&mut supervisor, master, args.interactive));
    let attached = attached.transpose().map_err(ours)?;
    let ended = supervisor.look_after().map_err(coded)?;
    drop((attached, kept));
    Ok(ExitCode::from(ended.shell_status() as u8))
}

/// A process of its own looks after it; this one ends when it knows that the container runs.
fn detached(args: &Args, ground: &Ground, store: Store, order: &Order) -> Outcome {
    let (mut hear, tell) = pipe2().map_err(|error| coded(error.into()))?;
    let Some(supervisor) = raw::fork().map_err(|errno| ours(Problem::system("cannot fork", errno)))? else {
        drop(hear);
        let done = supervise(args, ground, store, order, tell);
        raw::exit_now(done.map_or_else(|problem| problem.code().into(), |()| 0))
    };
    drop(tell);
    let mut number = String::new();
    hear.read_to_string(&mut number)?;
    if number.is_empty() {
        // It has said why.
        let (_, ended) = wait4(Some(supervisor)).map_err(|error| coded(error.into()))?;
        return Ok(ExitCode::from(ended.shell_status() as u8));
    }
    writeln!(io::stdout(), "{number}")?;
    Ok(ExitCode::SUCCESS)
}

fn supervise(
    args: &Args,
    ground: &Ground,
    store: Store,
    order: &Order,
    mut tell: File,
) -> Result<(), Problem> {
    let begin = || -> Result<_, Problem> {
        setsid().map_err(Error::from)?;
        let mut supervisor = Supervisor::begin()?;
        let (record, group) = ground.record(order)?;
        drop(store);
        let (id, logs) = (record.id.clone(), record.records().logs(&record.id));
        let (streams, wiring) = Wiring::detached(args.interactive, args.tty, &logs)?;
        let launched = ground.launch(record, group, streams, &mut Dark).map_err(coded)?;
        let kept = wiring.connect(&mut supervisor);
        if let Some(master) = supervisor.take(launched).map_err(coded)? {
            streams::log(&mut supervisor, master, &logs)?;
        }
        Ok((supervisor, kept, id))
    };
    let (supervisor, _kept, id) = begin().inspect_err(|problem| {
        problem.tell();
    })?;
    // Whoever asked may be gone.
    let _ = tell.write_all(id.as_ref().as_bytes());
    drop(tell);
    streams::let_go()?;
    Ok(supervisor.look_after().map(drop)?)
}
