//! `glassbox rm`: containers are removed, with all that they have written.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, records};
use crate::cli::problem::Problem;
use crate::container::life;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox rm web
  glassbox rm -f web other      even if they run
  glassbox rm -f $(glassbox ps -aq)";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// End those that run
    #[arg(short, long)]
    force: bool,
    /// Taken for docker's sake: there are no volumes without a path
    #[arg(short, long, hide = true)]
    volumes: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let records = records()?;
    let (mut code, mut found) = (ExitCode::SUCCESS, vec![]);
    for (given, container) in args.containers.iter().zip(records.find_all(&args.containers)) {
        match container {
            Ok(container) => found.push((given, container)),
            // The others are removed all the same.
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    let (given, containers): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let mut out = io::stdout().lock();
    for (given, removed) in given.into_iter().zip(life::remove(&records, &containers, args.force)) {
        match removed {
            Ok(()) => writeln!(out, "{given}")?,
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    Ok(code)
}
