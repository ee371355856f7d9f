//! `glassbox network ls`: which networks there are.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, networks};
use crate::cli::image::columns;
use crate::container::network::PREDEFINED;

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox network ls
  glassbox network ls -q        numbers only

The networks none and host are always there: none at all, and that of this machine.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Numbers only
    #[arg(short, long)]
    quiet: bool,
    /// Whole numbers
    #[arg(long)]
    no_trunc: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let all = networks()?.all()?;
    let number = |id: &crate::container::Id| {
        if args.no_trunc { id.to_string() } else { id.short().to_string() }
    };
    let mut out = io::stdout().lock();
    if args.quiet {
        all.iter().try_for_each(|network| writeln!(out, "{}", number(&network.id)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |id: &str, name: &str, driver: &str| [id, name, driver, "local"].map(String::from);
    let mut rows: Vec<_> =
        all.iter().map(|network| row(&number(&network.id), &network.name, network.driver.word())).collect();
    // They have no number, for nothing was made.
    rows.extend(PREDEFINED.map(|name| row("-", name, if name == "none" { "null" } else { name })));
    rows.sort_by(|one, other| one[1].cmp(&other[1]));
    rows.insert(0, ["NETWORK ID", "NAME", "DRIVER", "SCOPE"].map(String::from));
    columns(&rows, |_| true).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(ExitCode::SUCCESS)
}
