//! `glassbox run`: a container is made of an image, and a program run in it.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::create::Flags;
use super::detached::{self, Several};
use super::explain::{Format, Lit};
use super::streams::{self, Wiring};
use super::{Outcome, coded, order, ours, records};
use crate::cli::problem::Problem;
use crate::container::own_program;
use crate::container::run::{Ground, Order};
use crate::container::start::{Dark, Walls};
use crate::container::supervise::Supervisor;
use crate::image::Store;
use crate::kernel::fs;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox run --rm -it tiny sh                     a shell that leaves nothing
  glassbox run -m 64m --cpus 0.5 --pids-limit 64 tiny sh -c 'ls /'
  glassbox run -d --name web -v $PWD:/srv:ro tiny sleep 1000
  glassbox run -d --net web -p 8080:80 tiny sleep 1000
  glassbox run --rm --explain tiny ls /             part by part, call by call
  glassbox run --rm --replicas 100 tiny sleep 1000  a hundred of them
  glassbox run -e LANG=C -w /tmp -u 1000:1000 tiny env

Exit codes: that of the program; 125 the container could not be made, 126 the \
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
    /// Make so many of them, and wait for none
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    replicas: Option<u32>,
    /// Show each part of the start, and wait for a key after it
    #[arg(long, value_name = "FORMAT", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "plain", conflicts_with_all = ["detach", "replicas"])]
    explain: Option<Format>,
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
    if args.flags.init {
        // It is process 1 of the container, where others can look for its program.
        own_program::seal().map_err(coded)?;
    }
    // What is made here is for the container's users, too.
    fs::umask(0o022).map_err(|error| coded(error.into()))?;
    // As long as this lasts, there is the network of an ordinary user's container.
    let stay = args.flags.network.enter(args.replicas.unwrap_or(1) as usize).map_err(ours)?;
    let records = records().map_err(ours)?;
    let store = Store::open_for(records.users().clone(), &Store::place(records.state()));
    let store = store.map_err(ours)?;
    let image = store.image(&args.image).map_err(ours)?;
    let spec = order::spec(&args.flags, &image, &args.command, args.tty).map_err(ours)?;
    let order = Order {
        spec,
        name: args.flags.name.clone().unwrap_or_default(),
        image: args.image.clone(),
        auto_remove: args.rm,
        detached: args.detach || args.replicas.is_some(),
    };
    let ground = Ground::of(&records, &image).map_err(coded)?.on_networks_of(stay.as_ref());
    if !order.detached {
        return in_front(args, &ground, store, &order);
    }
    let count = args.replicas.map_or(1, |count| count as usize);
    detached::run(&Several { order: &order, count, interactive: args.interactive }, &ground, store)
}

/// This process looks after it, and ends with it.
fn in_front(args: &Args, ground: &Ground, store: Store, order: &Order) -> Outcome {
    let mut supervisor = Supervisor::begin().map_err(coded)?;
    let (streams, wiring) = Wiring::in_front(args.interactive, args.tty).map_err(ours)?;
    let (record, group) = ground.record(order).map_err(coded)?;
    // As long as it was open, no image was removed. Now there is a container of this one.
    drop(store);
    let mut lit = args.explain.map(Lit::begin).transpose().map_err(coded)?;
    let mut dark = Dark;
    let walls: &mut dyn Walls = lit.as_mut().map_or(&mut dark, |lit| lit);
    let launched = ground.launch(record, group, streams, walls).map_err(coded)?;
    let kept = wiring.connect(&mut supervisor);
    let master = supervisor.take(launched).map_err(coded)?;
    if let Some(lit) = lit {
        lit.end();
    }
    // Our terminal gets its settings back when this goes.
    let attached = master.map(|master| streams::attach(&mut supervisor, master, args.interactive));
    let attached = attached.transpose().map_err(ours)?;
    let ended = supervisor.look_after().map_err(coded)?;
    drop((attached, kept));
    Ok(ExitCode::from(ended.shell_status() as u8))
}
