//! `glassbox network create`: a network is made, and its number printed.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use super::{Outcome, networks};
use crate::cli::problem::note;
use crate::container::network::{Driver, Subnet, Wanted};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox network create web
  glassbox network create --subnet 10.1.2.0/24 web
  glassbox network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 lan

Containers on a macvlan network are on the segment of its parent, each with a \
hardware address of its own. This machine itself does not reach them there, and \
they do not reach it; everybody else on the segment does. Choose a part of the \
subnet that nobody else hands out: --ip-range 192.168.1.64/28

A vxlan network is between this machine and another one, with the same number \
and subnet there, a range of its own, and the two addresses exchanged. Nothing \
leads out of it, and names are known on their own machine alone:
  glassbox network create -d vxlan -o vni=42 -o local=192.0.2.1 \\
      -o peer=192.0.2.2 --subnet 10.1.2.0/24 --ip-range 10.1.2.64/26 both

Without root a bridge is in a network namespace of your own: there while a \
container is on it, with pasta or slirp4netns for the way out.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// How its containers are connected: bridge, by a switch that is also their way out, macvlan, by an interface of
    /// this machine, or vxlan, by switches of this machine and another one
    #[arg(short, long, default_value = "bridge")]
    driver: String,
    /// What the driver has to know: parent=INTERFACE for macvlan, and vni=, local= and peer= for vxlan
    #[arg(short, long = "opt", value_name = "NAME=VALUE", value_parser = parse_option)]
    opt: Vec<(String, String)>,
    /// Its addresses, such as 10.1.2.0/24; without it some that nobody on this machine has
    #[arg(long, value_name = "CIDR")]
    subnet: Option<Subnet>,
    /// The part of them that its containers get
    #[arg(long, value_name = "CIDR")]
    ip_range: Option<Subnet>,
    /// Who knows the way out; the first of its addresses without
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<Ipv4Addr>,
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
        driver: Driver::named(&args.driver, args.opt.iter().cloned().collect())?,
        subnet: args.subnet,
        range: args.ip_range,
        gateway: args.gateway,
        labels: args.label.iter().map(pair).collect(),
    })?;
    writeln!(io::stdout(), "{}", network.id)?;
    if let Driver::Macvlan { parent } = &network.driver {
        note(&format!("this machine itself does not reach what is on {parent}; everybody else there does"));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE, such as parent=eth0".into()),
    }
}
