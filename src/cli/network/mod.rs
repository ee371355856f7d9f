//! The commands for networks, with docker's words.

mod create;
mod inspect;
mod list;
mod remove;

use clap::Subcommand;

use super::Outcome;
use super::problem::{Problem, state_directory};
use crate::container::network::Networks;

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox network create web
  glassbox network ls
  glassbox network rm web";

#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Make a network
    #[command(after_help = create::EXAMPLES)]
    Create(create::Args),
    /// All that is known of networks, as JSON
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// List networks
    #[command(alias = "list", after_help = list::EXAMPLES)]
    Ls(list::Args),
    /// Remove networks
    #[command(alias = "remove", after_help = remove::EXAMPLES)]
    Rm(remove::Args),
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Create(args) => create::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Ls(args) => list::run(args),
        Command::Rm(args) => remove::run(args),
    }
}

/// The networks of this user.
fn networks() -> Result<Networks, Problem> {
    Ok(Networks::open(&state_directory()?))
}
