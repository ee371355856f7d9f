//! `glassbox network rm`: networks that nobody is on are removed.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, networks};
use crate::cli::problem::Problem;

pub(super) const EXAMPLES: &str = "Example:\n  glassbox network rm web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let networks = networks()?;
    // What there is of an ordinary user's networks is in a namespace of his.
    let _stay = networks.enter_if_kept()?;
    let mut code = ExitCode::SUCCESS;
    for given in &args.networks {
        match networks.remove(given) {
            Ok(()) => writeln!(io::stdout(), "{given}")?,
            // The others are removed all the same.
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    Ok(code)
}
