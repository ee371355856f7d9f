//! `glassbox lab report`: what a student has achieved, for people and for the software of courses.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;

use super::super::Outcome;
use super::super::image::time::rfc3339;
use super::super::learn::find;
use super::super::problem::Problem;
use crate::lab::{Exam, Marked, Report, State, Store};
use crate::lessons;
use crate::present::Terminal;
use crate::stage::Lesson;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The lessons whose labs are reported; all, unless some are named
    labs: Vec<String>,
    /// In which format
    #[arg(long, default_value = "text")]
    format: Format,
    /// Whose work this is: a name or a number, as the course has it
    #[arg(long, value_name = "NAME")]
    student: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// All that is known, with every claim
    Json,
    /// For Jenkins, GitLab and the like
    Junit,
    /// For a table of marks
    Csv,
    /// The results.json of a Gradescope autograder
    Gradescope,
}

/// Whether labs were passed or not is for the report to say: the exit code is 0 whenever there is one.
pub(super) fn run(args: &Args, store: &Store) -> Outcome {
    let chosen = args.labs.iter().map(|lab| find(lab)).collect::<Result<Vec<_>, _>>()?;
    let chosen = if chosen.is_empty() { lessons::all().collect() } else { chosen };
    let labs = chosen.into_iter().map(|lesson| mark(lesson, store)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let report = Report::new(rfc3339(now), args.student.clone(), labs);
    let text = match args.format {
        Format::Text => Ok(text(&report)),
        Format::Json => report.json().map(|json| json + "\n"),
        Format::Junit => Ok(report.junit()),
        Format::Csv => Ok(report.csv()),
        Format::Gradescope => report.gradescope().map(|json| json + "\n"),
    };
    let text = text.map_err(|error| Problem::system("cannot write the report", error))?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Look at the scene once more if it stands; else what the last check saw counts.
fn mark(lesson: &Lesson, store: &Store) -> Marked {
    let (id, title, kind) = (lesson.id, lesson.lab.title, lesson.lab.kind);
    match store.load(id) {
        Err(_) => Marked::without(id, title, kind, State::Damaged),
        Ok(None) => Marked::without(id, title, kind, State::NotStarted),
        Ok(Some(mut record)) => {
            let mut exam = Exam::new(record.answer.clone());
            if record.scene_stands() && (lesson.lab.check)(&record, &mut exam).is_ok() {
                record.passed |= exam.passed();
                record.claims = exam.items().to_vec();
            }
            Marked::of(&record, title, kind)
        }
    }
}

fn text(report: &Report) -> String {
    let width = report.labs.iter().map(|lab| lab.lab.len()).max().unwrap_or(0);
    let mut text = report.student.iter().map(|student| format!("{student}\n")).collect::<String>();
    for lab in &report.labs {
        let first = format!("  {:<width$}  ", lab.lab);
        let below = " ".repeat(first.len());
        let options =
            textwrap::Options::new(Terminal::width()).initial_indent(&first).subsequent_indent(&below);
        let taken = match lab.hints {
            0 => String::new(),
            1 => ", with a hint".into(),
            hints => format!(", with {hints} hints"),
        };
        text += &textwrap::fill(&format!("{}{taken}", lab.state.name()), options);
        text.push('\n');
    }
    text + &format!("  {} of {} labs passed\n", report.score, report.max_score)
}
