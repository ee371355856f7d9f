//! `glassbox network create`: a network is made, and its number printed.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, networks};
use crate::container::network::{Driver, Subnet, Wanted};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox network create web
  glassbox network create --subnet 10.1.2.0/24 web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// How its containers are connected: bridge, by a switch that is also their way out
    #[arg(short, long, default_value = "bridge")]
    driver: String,
    /// Its addresses, such as 10.1.2.0/24; without it some that nobody on this machine has
    #[arg(long, value_name = "CIDR")]
    subnet: Option<Subnet>,
    /// Whatever there is to be said about it
    #[arg(long, value_name = "NAME[=VALUE]")]
    label: Vec<String>,
    /// What it is called
    name: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_string(), value.to_string())
    };
    let network = networks()?.create(Wanted {
        name: args.name.clone(),
        driver: Driver::named(&args.driver)?,
        subnet: args.subnet,
        labels: args.label.iter().map(pair).collect(),
    })?;
    writeln!(io::stdout(), "{}", network.id)?;
    Ok(ExitCode::SUCCESS)
}
