//! `glassbox logs`: what a detached container has written.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::{Outcome, records};
use crate::cli::problem::Problem;
use crate::container::error::Error;
use crate::container::{Container, Records};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox logs web
  glassbox logs -f --tail 10 web    the last ten lines, and whatever comes";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    container: String,
    /// Go on until it ends
    #[arg(short, long)]
    follow: bool,
    /// Only so many lines at its end
    #[arg(short = 'n', long, value_name = "LINES|all", default_value = "all", value_parser = parse_tail)]
    tail: usize,
}

fn parse_tail(text: &str) -> Result<usize, String> {
    if text == "all" { Ok(usize::MAX) } else { text.parse().map_err(|_| "a number of lines, or all".into()) }
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let records = records()?;
    let container = records.find(&args.container)?;
    if !container.created.detached {
        let why = format!("{} was waited for: what it wrote went to whoever did", container.created.name);
        return Err(Error::usage(why, "glassbox run -d keeps it").into());
    }
    let path = records.logs(&container.id);
    let mut log = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        opened => Some(opened.map_err(|error| Problem::system("cannot read the log", error))?),
    };
    let mut out = io::stdout().lock();
    out.write_all(&tail(&mut log, args.tail)?)?;
    if args.follow {
        follow(&records, &container, &mut log, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whatever comes, until the container ends.
fn follow(
    records: &Records,
    container: &Container,
    log: &mut Option<File>,
    out: &mut impl Write,
) -> Result<(), Problem> {
    /// How often it is looked for.
    const PAUSE: Duration = Duration::from_millis(20);
    loop {
        // Asked before it is read: what was written before its end is read after it. A supervisor that was killed
        // writes down no end; whoever looks for its container does.
        let runs = records.find(container.id.as_ref()).is_ok_and(|now| now.running().is_ok());
        let news = tail(log, usize::MAX)?;
        out.write_all(&news)?;
        out.flush()?;
        if !runs {
            return Ok(());
        }
        if news.is_empty() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// What is left to be read, or the last lines of it.
fn tail(log: &mut Option<File>, lines: usize) -> Result<Vec<u8>, Problem> {
    let mut text = vec![];
    if let Some(log) = log {
        log.read_to_end(&mut text).map_err(|error| Problem::system("cannot read the log", error))?;
    }
    let end = text.strip_suffix(b"\n").unwrap_or(&text);
    let breaks = end.iter().enumerate().rev().filter(|(_, sign)| **sign == b'\n').map(|(at, _)| at + 1);
    let from = if lines == 0 { text.len() } else { breaks.into_iter().nth(lines - 1).unwrap_or(0) };
    Ok(text.split_off(from))
}
