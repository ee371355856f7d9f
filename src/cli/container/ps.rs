//! `glassbox ps`: which containers there are.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::template::Template;
use super::{Outcome, records};
use crate::cli::image::time::{ago, rfc3339, span};
use crate::cli::image::{columns, printable};
use crate::container::network::{self, Networks};
use crate::container::records::now;
use crate::container::spec::Network;
use crate::container::{Container, State};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox ps                   those that run
  glassbox ps -a                all of them
  glassbox ps -aq --filter status=exited";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Those that have ended, too
    #[arg(short, long)]
    all: bool,
    /// Numbers only
    #[arg(short, long)]
    quiet: bool,
    /// Whole numbers and commands
    #[arg(long)]
    no_trunc: bool,
    /// Fields of each, such as {{.Names}}: ID, Image, Command, CreatedAt, RunningFor, Status, State, Ports, Names,
    /// Networks, Labels
    #[arg(long, value_name = "FIELDS")]
    format: Option<String>,
    /// Only those with this name, id, status, label or ancestor
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_filter)]
    filter: Vec<Filter>,
}

#[derive(Debug, Clone)]
enum Filter {
    Name(String),
    Id(String),
    Status(String),
    Label(String),
    Ancestor(String),
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let value = value.to_string();
    match key {
        "name" => Ok(Filter::Name(value)),
        "id" => Ok(Filter::Id(value)),
        "status" => Ok(Filter::Status(value)),
        "label" => Ok(Filter::Label(value)),
        "ancestor" => Ok(Filter::Ancestor(value)),
        _ => Err("the keys are name, id, status, label and ancestor".into()),
    }
}

impl Filter {
    fn lets(&self, container: &Container) -> bool {
        let created = &container.created;
        match self {
            Filter::Name(name) => created.name.contains(name.trim_start_matches('/')),
            Filter::Id(id) => container.id.as_ref().starts_with(id),
            Filter::Status(status) => container.state.word() == status,
            Filter::Ancestor(image) => created.image == *image || created.image_id.short() == image,
            Filter::Label(label) => match label.split_once('=') {
                Some((name, value)) => created.spec.labels.get(name).is_some_and(|has| has == value),
                None => created.spec.labels.contains_key(label),
            },
        }
    }
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let records = records()?;
    let mut containers = records.all()?;
    let asks_for_status = args.filter.iter().any(|filter| matches!(filter, Filter::Status(_)));
    containers.retain(|container| {
        let is_up = matches!(container.state, State::Running | State::Paused);
        (args.all || asks_for_status || is_up) && args.filter.iter().all(|filter| filter.lets(container))
    });
    // The newest first.
    containers.reverse();
    let id = |container: &Container| {
        if args.no_trunc { container.id.to_string() } else { container.id.short().into() }
    };
    let is_on_network = |container: &Container| matches!(container.created.spec.network, Network::Named(_));
    let networks = match containers.iter().any(is_on_network) {
        true => Networks::open(records.state()).all()?,
        false => vec![],
    };
    let mut out = io::stdout().lock();
    if args.quiet {
        containers.iter().try_for_each(|container| writeln!(out, "{}", id(container)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(format) = &args.format {
        let template = Template::parse(format.strip_prefix("table ").unwrap_or(format))?;
        for container in &containers {
            writeln!(
                out,
                "{}",
                template.fill(&fields(
                    container,
                    &id(container),
                    &ports(&networks, container),
                    args.no_trunc
                ))?
            )?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"].map(String::from)];
    rows.extend(containers.iter().map(|container| {
        let created = &container.created;
        let command = command(container, args.no_trunc);
        let since = ago(Some(&rfc3339(created.time / 1000)));
        let (image, status, ports) =
            (printable(&created.image), status(container), ports(&networks, container));
        [id(container), image, command, since, status, ports, created.name.clone()]
    }));
    columns(&rows, |_| true).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(ExitCode::SUCCESS)
}

fn fields(container: &Container, id: &str, ports: &str, whole: bool) -> Value {
    let created = &container.created;
    let labels: Vec<String> =
        created.spec.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "ID": id,
        "Image": created.image,
        "Command": command(container, whole),
        "CreatedAt": rfc3339(created.time / 1000),
        "RunningFor": ago(Some(&rfc3339(created.time / 1000))),
        "Status": status(container),
        "State": container.state.word(),
        "Ports": ports,
        "Names": created.name,
        "Networks": created.spec.network.name(),
        "Labels": labels.join(","),
    })
}

/// Its ports that are reached by ports of the host.
fn ports(networks: &[network::Network], container: &Container) -> String {
    let member = networks.iter().find_map(|network| network.member(&container.id));
    let ports = member.iter().flat_map(|member| &member.ports).map(ToString::to_string);
    ports.collect::<Vec<_>>().join(", ")
}

fn command(container: &Container, whole: bool) -> String {
    const SHORT: usize = 20;
    let command = printable(&container.created.spec.process.args.join(" "));
    let is_long = !whole && command.chars().count() > SHORT;
    let shown = if is_long { command.chars().take(SHORT - 1).chain(['…']).collect() } else { command };
    format!("\"{shown}\"")
}

/// In docker's words.
pub(super) fn status(container: &Container) -> String {
    let since = |then: u64| span(now().saturating_sub(then) / 1000);
    match (container.state, container.init, container.exit) {
        (State::Exited, _, Some((code, then))) => format!("Exited ({code}) {} ago", since(then)),
        (State::Paused, Some((_, then)), _) => format!("Up {} (Paused)", since(then)),
        (State::Running, Some((_, then)), _) => format!("Up {}", since(then)),
        _ => "Created".into(),
    }
}
