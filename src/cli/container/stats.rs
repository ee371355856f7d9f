//! `glassbox stats`: how much containers use.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::{Outcome, records};
use crate::cli::image::columns;
use crate::cli::problem::Problem;
use crate::container::usage::{self, Usage};
use crate::container::{Container, Records, State};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox stats                every second, until Ctrl-C
  glassbox stats --no-stream web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The containers; without any all that run
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
    /// Once, and not again and again
    #[arg(long)]
    no_stream: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    /// Over which time the share of the processors is taken.
    const SPAN: Duration = Duration::from_millis(500);
    let records = records()?;
    loop {
        let containers = chosen(&records, &args.containers)?;
        let before: Vec<Usage> = containers.iter().map(usage::of).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        std::thread::sleep(SPAN);
        let span = begun.elapsed();
        let after: Vec<Usage> = containers.iter().map(usage::of).collect::<Result<_, _>>()?;
        let mut rows =
            vec![["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS"].map(String::from)];
        rows.extend(
            containers
                .iter()
                .zip(before.iter().zip(&after))
                .map(|(container, (before, after))| row(container, before, after, span)),
        );
        let mut out = io::stdout().lock();
        if !args.no_stream && io::stdout().is_terminal() {
            // To the upper left corner, on an empty screen.
            write!(out, "\x1b[H\x1b[J")?;
        }
        columns(&rows, |_| true).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        out.flush()?;
        if args.no_stream {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn chosen(records: &Records, given: &[String]) -> Result<Vec<Container>, Problem> {
    if given.is_empty() {
        let mut all = records.all()?;
        all.retain(|container| matches!(container.state, State::Running | State::Paused));
        return Ok(all);
    }
    let found = given.iter().map(|given| {
        let container = records.find(given)?;
        container.running()?;
        Ok(container)
    });
    found.collect()
}

fn row(container: &Container, before: &Usage, after: &Usage, span: Duration) -> [String; 6] {
    let ticks = after.ticks.saturating_sub(before.ticks);
    // There are a hundred to a second, wherever Linux runs.
    let share = ticks as f64 / span.as_secs_f64();
    let unknown = || "--".to_string();
    let (used, limit) = (after.memory, after.memory_limit.or_else(memory_of_machine));
    let both = match (used, limit) {
        (Some(used), Some(limit)) => format!("{} / {}", binary(used), binary(limit)),
        _ => "-- / --".into(),
    };
    let part = match (used, limit) {
        (Some(used), Some(limit)) if limit > 0 => format!("{:.2}%", used as f64 * 100.0 / limit as f64),
        _ => unknown(),
    };
    [
        container.id.short().into(),
        container.created.name.clone(),
        format!("{share:.2}%"),
        both,
        part,
        after.pids.map_or_else(unknown, |pids| pids.to_string()),
    ]
}

fn memory_of_machine() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().next()?.split_whitespace().nth(1)?;
    Some(kibibytes.parse::<u64>().ok()? << 10)
}

/// Bytes in powers of 1024, as docker has them here.
fn binary(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let digits = format!("{value:.*}", usize::from(value < 100.0) + usize::from(value < 10.0));
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{}", UNITS[unit])
}
