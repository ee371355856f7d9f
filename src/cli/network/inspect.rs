//! `glassbox network inspect`: all that is known of networks, as JSON with docker's names.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{Outcome, networks};
use crate::cli::container::template::Template;
use crate::cli::image::time::rfc3339;
use crate::cli::problem::Problem;
use crate::container::network::{Member, Network, PREDEFINED};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox network inspect web
  glassbox network inspect --format '{{.Driver}}' web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Fields of each, such as {{.Driver}}
    #[arg(short, long, value_name = "FIELDS")]
    format: Option<String>,
    /// The networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let networks = networks()?;
    let (mut code, mut found) = (ExitCode::SUCCESS, vec![]);
    for given in &args.networks {
        match networks.find(given) {
            _ if PREDEFINED.contains(&given.as_str()) => found.push(predefined(given)),
            Ok(network) => found.push(describe(&network)),
            // The others are shown all the same.
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    let mut out = io::stdout().lock();
    if let Some(format) = &args.format {
        let template = Template::parse(format)?;
        for network in &found {
            writeln!(out, "{}", template.fill(network)?)?;
        }
        return Ok(code);
    }
    let text = serde_json::to_string_pretty(&found);
    writeln!(out, "{}", text.map_err(|error| Problem::system("cannot write JSON", error))?)?;
    Ok(code)
}

fn describe(network: &Network) -> Value {
    let mut config = json!({ "Subnet": network.subnet });
    if let Some(range) = network.range() {
        config["IPRange"] = json!(range);
    }
    if let Some(gateway) = network.gateway() {
        config["Gateway"] = json!(gateway);
    }
    json!({
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(network.created / 1000),
        "Scope": "local",
        "Driver": network.driver.word(),
        "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Config": [config] },
        "Internal": false,
        "Containers": network.members.all.iter().map(|member| member_of(network, member)).collect::<Map<_, _>>(),
        "Options": network.driver.options(),
        "Labels": network.labels,
    })
}

fn member_of(network: &Network, member: &Member) -> (String, Value) {
    let shown = json!({
        "Name": member.name,
        "MacAddress": member.mac().to_string(),
        "IPv4Address": format!("{}/{}", member.address, network.subnet.prefix),
    });
    (member.id.to_string(), shown)
}

fn predefined(name: &str) -> Value {
    json!({
        "Name": name,
        "Id": "",
        "Scope": "local",
        "Driver": if name == "none" { "null" } else { name },
        "IPAM": { "Driver": "default", "Config": [] },
        "Containers": {},
        "Options": {},
        "Labels": {},
    })
}
