//! `glassbox inspect`: the x-ray of a process.

use std::io::{self, Write};
use std::process::ExitCode;

use super::problem::Problem;
use super::{Outcome, container};
use crate::present::{Line, Style, Terminal, painted, wrapped};
use crate::xray::{Cannot, Degree, Reference, Row, Subject, Verdict, Xray};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox inspect $$                    how contained is this shell
  sudo glassbox inspect 4242             somebody else's: root sees more
  glassbox inspect 4242 --against 4243   what two containers have in common
  glassbox inspect 4242 --format json    the same facts for a program
  glassbox inspect web                   all that is known of a container
  glassbox inspect --format '{{.State.Pid}}' web

The host is process 1; whoever may not look at it compares with glassbox \
itself. The facts are those of the process's first thread. The fields of the \
JSON are in the book's chapter on the event stream. What is no number is the \
name of a container, or the beginning of its number.

Exit codes: 0 done, 1 the process or container is not there, 2 wrong usage.";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The number of the process, or the container
    #[arg(allow_negative_numbers = true, value_name = "PID|CONTAINER")]
    subject: String,
    /// Compare it with this process, not with the host
    #[arg(long, value_name = "PID", allow_negative_numbers = true)]
    against: Option<i32>,
    /// How to say it: text or json, and of a container fields like {{.State.Status}}
    #[arg(short, long, default_value = "text", value_parser = parse_format)]
    format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// What somebody picks.
    Template(String),
}

fn parse_format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        fields if fields.contains("{{") => Ok(Format::Template(fields.into())),
        _ => Err("text, json, or fields like {{.State.Status}}".into()),
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let is_number = args.subject.trim_start_matches('-').bytes().all(|sign| sign.is_ascii_digit());
    match args.subject.parse() {
        Ok(pid) if !matches!(args.format, Format::Template(_)) => process(pid, args),
        // A number that no process can have is that of a container.
        _ if is_number && args.subject.len() < CONTAINER_DIGITS => Err(Problem::usage(
            format!("{} is not the number of a process", args.subject),
            "ps ax lists them",
        )),
        _ => container(args),
    }
}

/// So many digits of its number people see.
const CONTAINER_DIGITS: usize = 12;

fn container(args: &Args) -> Outcome {
    if args.against.is_some() {
        let hint = "its process 1 can be: glassbox inspect --format '{{.State.Pid}}' NAME tells its number";
        return Err(Problem::usage("a container is not compared", hint));
    }
    let Some(found) = container::inspect::find(&args.subject)? else {
        let hint =
            "glassbox ps -a lists containers, ps ax processes, and glassbox image inspect shows images";
        return Err(Problem::gone(format!("there is no container {:?}", args.subject), hint));
    };
    match &args.format {
        Format::Template(fields) => container::inspect::tell(&found, Some(fields)),
        Format::Text | Format::Json => container::inspect::tell(&found, None),
    }
}

fn process(pid: i32, args: &Args) -> Outcome {
    let xray = examine(pid, args.against)?;
    if args.format == Format::Json {
        let json = serde_json::to_string_pretty(&xray)
            .map_err(|error| Problem::system("cannot write the x-ray", error))?;
        writeln!(io::stdout(), "{json}")?;
    } else {
        tell(pid, &xray)?;
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
