//! `glassbox inspect`: the x-ray of a process.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;

use super::Outcome;
use super::problem::Problem;
use crate::present::{Line, Style, Terminal, painted, wrapped};
use crate::xray::{Cannot, Degree, Reference, Row, Subject, Verdict, Xray};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox inspect $$                    how contained is this shell
  sudo glassbox inspect 4242             somebody else's: much takes root to read
  glassbox inspect 4242 --against 4243   what two containers have in common
  glassbox inspect 4242 --format json    the same facts for a program

The host is process 1; whoever may not look at it compares with glassbox
itself. The facts are those of the process's first thread. The fields of the
JSON are in the book's chapter on the event stream.

Exit codes: 0 done, 1 the process is gone, 2 wrong usage.";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The number of the process
    #[arg(allow_negative_numbers = true)]
    pid: i32,
    /// Compare it with this process, not with the host
    #[arg(long, value_name = "PID", allow_negative_numbers = true)]
    against: Option<i32>,
    /// How to say it
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: &Args) -> Outcome {
    let xray = examine(args.pid, args.against)?;
    match args.format {
        Format::Text => tell(args.pid, &xray)?,
        Format::Json => {
            let json = serde_json::to_string_pretty(&xray)
                .map_err(|error| Problem::system("cannot write the x-ray", error))?;
            writeln!(io::stdout(), "{json}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn examine(pid: i32, against: Option<i32>) -> Result<Xray, Problem> {
    let subject = Subject::find(pid)?;
    if against == Some(pid) {
        let hint = format!("without --against it is compared with the host: glassbox inspect {pid}");
        return Err(Problem::usage(format!("{pid} would be compared with itself"), hint));
    }
    Ok(Xray::examine(&subject, Reference::choose(against)?)?)
}

impl From<Cannot> for Problem {
    fn from(cannot: Cannot) -> Self {
        let hint = cannot.hint();
        if cannot.is_usage() {
            Self::usage(cannot.to_string(), hint)
        } else {
            Self::gone(cannot.to_string(), hint)
        }
    }
}

/// Where the facts begin.
const FACTS: usize = 17;

fn tell(pid: i32, xray: &Xray) -> io::Result<()> {
    let width = Terminal::width();
    let mut out = io::stdout().lock();
    let mut lines = heading(pid, &xray.compared_with, width);
    lines.extend(verdict(&xray.total, width));
    for (aspect, rows) in xray.sections() {
        lines.push(Line::new());
        lines.push(Line::new().with(Style::Title, format!(" {}", aspect.aspect)));
        lines.extend(verdict(&aspect, width));
        lines.extend(rows.iter().flat_map(|row| fact(row, width)));
    }
    lines.iter().try_for_each(|line| writeln!(out, "{}", painted(line)))
}

fn heading(pid: i32, than: &Reference, width: usize) -> Vec<Line> {
    let text = format!("compared with {}", than.introduction());
    let mut lines = vec![Line::new().with(Style::Title, format!(" process {pid}"))];
    lines.extend(wrapped(Line::new().pad_to(1), Style::Dim, &printable(&text), 1, width));
    if let Some(why) = &than.instead {
        lines.extend(wrapped(Line::new().pad_to(1), Style::Dim, why, 1, width));
    }
    lines.push(Line::new().with(Style::Dim, format!(" {}", "─".repeat(width.saturating_sub(1)))));
    lines
}

fn verdict(verdict: &Verdict, width: usize) -> Vec<Line> {
    let (mark, style) = match verdict.degree {
        Degree::Contained => ("✔", Style::Good),
        Degree::Partly => ("~", Style::Ask),
        Degree::Open => ("✘", Style::Bad),
        Degree::Unknown => ("?", Style::Ask),
    };
    let first = Line::new().with(style, format!(" {mark} "));
    wrapped(first, Style::Plain, &printable(&verdict.text), 3, width)
}

fn fact(row: &Row, width: usize) -> Vec<Line> {
    let label = Line::new().with(Style::Dim, format!("   {}", row.what)).pad_to(FACTS);
    let mut lines = wrapped(label, Style::Plain, &printable(&row.value), FACTS, width);
    let note = printable(&row.note);
    match lines.pop() {
        Some(last) if !note.is_empty() => {
            let beside = last.clone().with(Style::Dim, format!("   {note}"));
            if beside.width() <= width {
                lines.push(beside);
            } else {
                lines.push(last);
                lines.extend(wrapped(Line::new().pad_to(FACTS), Style::Dim, &note, FACTS, width));
            }
        }
        last => lines.extend(last),
    }
    lines
}

/// A process can call itself anything, even codes that steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { '?' } else { sign }).collect()
}
