//! `glassbox lab`: assignments that the kernel marks.

mod report;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use colored::Colorize;

use super::Outcome;
use super::learn::find;
use super::problem::{Problem, state_directory, unwritable};
use crate::lab::{self, Exam, Record, Store};
use crate::lessons;
use crate::machine::{Attempt, Machine};
use crate::present::Terminal;
use crate::stage::Lesson;

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox lab list
  glassbox lab start memory
  glassbox lab check memory
  glassbox lab check pid 7      the answer to a question
  glassbox lab hint memory
  glassbox lab report --format gradescope --student 4711 > results.json";

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the labs
    List,
    /// Set the scene and print the assignment; the values are drawn anew
    Start {
        /// The lesson that the lab belongs to
        lab: String,
    },
    /// Look at what was done, and say what was seen
    Check {
        /// The lesson that the lab belongs to
        lab: String,
        /// The answer, where the lab asks a question
        answer: Option<String>,
    },
    /// Give the next hint for what does not hold yet
    Hint {
        /// The lesson that the lab belongs to
        lab: String,
    },
    /// Say what was passed, for a student or for the software of a course
    Report(report::Args),
    /// Take the scene down
    Reset {
        /// The lesson that the lab belongs to
        lab: String,
    },
    /// Do it as the reference does it
    Solve {
        /// The lesson that the lab belongs to
        lab: String,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(args: &Args) -> Outcome {
    let store = Store::new(&state_directory()?);
    match &args.action {
        Action::List => list_labs(&store),
        Action::Start { lab } => start(find(lab)?, &store),
        Action::Check { lab, answer } => check(find(lab)?, &store, answer.clone()),
        Action::Hint { lab } => hint(find(lab)?, &store),
        Action::Report(args) => report::run(args, &store),
        Action::Reset { lab } => reset(find(lab)?, &store),
        Action::Solve { lab, yes } => solve(find(lab)?, &store, *yes),
    }
}

fn list_labs(store: &Store) -> Outcome {
    let mut out = io::stdout().lock();
    for part in lessons::PARTS {
        writeln!(out, "{}", part.title)?;
        for lesson in part.lessons {
            list_lab(&mut out, lesson, store)?;
        }
    }
    writeln!(
        out,
        "\nStart one: glassbox lab start {}",
        lessons::all().next().map_or("", |lesson| lesson.id)
    )?;
    Ok(ExitCode::SUCCESS)
}

fn list_lab(out: &mut impl Write, lesson: &Lesson, store: &Store) -> io::Result<()> {
    let place = match store.load(lesson.id) {
        Ok(Some(Record { passed: true, solved_for_me: true, .. })) => "  solved",
        Ok(Some(Record { passed: true, .. })) => "  passed",
        Ok(Some(_)) => "  started",
        Ok(None) => "",
        Err(_) => "  damaged",
    };
    let first = format!("  {:<11} {:<4} ", lesson.id, lesson.lab.kind);
    let below = " ".repeat(first.len());
    let options = textwrap::Options::new(Terminal::width()).initial_indent(&first).subsequent_indent(&below);
    writeln!(out, "{}", textwrap::fill(&format!("{}{place}", lesson.lab.title), options))
}

fn start(lesson: &Lesson, store: &Store) -> Outcome {
    let mode = Machine::examine()
        .ready(lesson.lab.needs)
        .map_err(|refusal| Problem::cannot(&format!("the lab {} cannot run here", lesson.id), &refusal))?;
    let record = lab::start(&lesson.lab, lesson.id, store, mode)
        .map_err(|error| Problem::stage(&format!("cannot set the scene of {}", lesson.id), &error))?;
    let mut out = io::stdout().lock();
    print_task(&mut out, lesson, &record)?;
    writeln!(out)?;
    writeln!(out, "  check it:     glassbox lab check {}", lesson.id)?;
    writeln!(out, "  need a hint?  glassbox lab hint {}", lesson.id)?;
    writeln!(out, "  take it down: glassbox lab reset {}", lesson.id)?;
    Ok(ExitCode::SUCCESS)
}

fn print_task(out: &mut impl Write, lesson: &Lesson, record: &Record) -> io::Result<()> {
    writeln!(out, "{} {}", format!("lab {}:", lesson.id).bold(), lesson.lab.title)?;
    for paragraph in (lesson.lab.task)(record).split("\n\n") {
        writeln!(out)?;
        // An indented paragraph is a command: kept as it is.
        if paragraph.starts_with("  ") {
            writeln!(out, "{paragraph}")?;
            continue;
        }
        print_prose(out, "  ", paragraph)?;
    }
    Ok(())
}

/// As wide as the window; paths and commands in it are not broken.
fn print_prose(out: &mut impl Write, indent: &str, text: &str) -> io::Result<()> {
    let options = textwrap::Options::new(Terminal::width())
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    writeln!(out, "{}", textwrap::fill(&text.split_whitespace().collect::<Vec<_>>().join(" "), options))
}

/// The record of a lab that was started and whose scene stands.
fn started(lesson: &Lesson, store: &Store) -> Result<Record, Problem> {
    let hint = format!("glassbox lab start {}", lesson.id);
    match store.load(lesson.id) {
        Err(error) => {
            Err(Problem::failed(format!("the record of lab {} is damaged", lesson.id), error, hint))
        }
        Ok(None) => Err(Problem::usage(format!("the lab {} has not been started", lesson.id), hint)),
        Ok(Some(record)) if !record.scene_stands() => {
            let what = format!(
                "the scene of lab {} is gone: its process ended, or the machine was restarted",
                lesson.id
            );
            Err(Problem::usage(what, hint))
        }
        Ok(Some(record)) => Ok(record),
    }
}

fn examine(lesson: &Lesson, record: &Record, answer: Option<String>) -> Result<Exam, Problem> {
    let mut exam = Exam::new(answer);
    (lesson.lab.check)(record, &mut exam)
        .map_err(|error| Problem::stage(&format!("cannot check lab {}", lesson.id), &error))?;
    Ok(exam)
}

/// Where a claim ends.
const CLAIM: usize = 48;

fn check(lesson: &Lesson, store: &Store, answer: Option<String>) -> Outcome {
    let mut record = started(lesson, store)?;
    let exam = examine(lesson, &record, answer.clone())?;
    let mut out = io::stdout().lock();
    for item in exam.items() {
        let (mark, seen) = if item.passed { ("✔".green(), "") } else { ("✘".red(), "saw ") };
        let seen = format!("{seen}{}", item.seen);
        // Two lines where one would be broken in a window; for programs it stays one.
        let wide = CLAIM + 1 + seen.chars().count() > Terminal::width() && io::stdout().is_terminal();
        let between = if wide { "\n    " } else { " " };
        writeln!(
            out,
            "  {mark} {:<room$}{between}{seen}",
            item.claim,
            room = if wide { 0 } else { CLAIM - 4 }
        )?;
        writeln!(out, "    {}", format!("in {}", item.source).dimmed())?;
        if let Some(mistake) = &item.mistake {
            print_prose(&mut out, "    ", mistake)?;
        }
    }
    record.checks += 1;
    record.passed |= exam.passed();
    (record.answer, record.claims) = (answer, exam.items().to_vec());
    store.save(&record).map_err(|error| unwritable(&store.scene_dir(lesson.id), &error))?;
    if let Some(failure) = exam.first_failure() {
        let taken = record.hints.get(&failure.claim).copied().unwrap_or(0);
        if taken < failure.hints.len() {
            writeln!(
                out,
                "  hint ({} of {}): glassbox lab hint {}",
                taken + 1,
                failure.hints.len(),
                lesson.id
            )?;
        }
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        out,
        "  {}{}",
        "passed".green(),
        if record.solved_for_me { ", with the reference solution" } else { "" }
    )?;
    Ok(ExitCode::SUCCESS)
}

fn hint(lesson: &Lesson, store: &Store) -> Outcome {
    let mut record = started(lesson, store)?;
    let exam = examine(lesson, &record, None)?;
    let mut out = io::stdout().lock();
    let Some(failure) = exam.first_failure() else {
        writeln!(out, "  nothing is left to be done: glassbox lab check {}", lesson.id)?;
        return Ok(ExitCode::SUCCESS);
    };
    let taken = record.hints.entry(failure.claim.clone()).or_insert(0);
    *taken = (*taken + 1).min(failure.hints.len());
    writeln!(out, "  {} {}", "✘".red(), failure.claim)?;
    writeln!(out, "  hint {taken} of {}: {}", failure.hints.len(), failure.hints[*taken - 1])?;
    store.save(&record).map_err(|error| unwritable(&store.scene_dir(lesson.id), &error))?;
    Ok(ExitCode::SUCCESS)
}

fn reset(lesson: &Lesson, store: &Store) -> Outcome {
    let left = lab::stop(lesson.id, store)
        .map_err(|error| Problem::stage(&format!("cannot take lab {} down", lesson.id), &error))?;
    if !left.is_empty() {
        let again = format!("glassbox lab reset {}", lesson.id);
        return Err(Problem::refused(Attempt::leftover(left.join("; "), again)));
    }
    writeln!(io::stdout(), "  the scene of lab {} is gone", lesson.id)?;
    Ok(ExitCode::SUCCESS)
}

fn solve(lesson: &Lesson, store: &Store, yes: bool) -> Outcome {
    let mut record = started(lesson, store)?;
    if !yes {
        return Err(Problem::usage(
            "this does the assignment for you, and the record will say so",
            format!("glassbox lab solve {} --yes", lesson.id),
        ));
    }
    let answer = lab::solve(&lesson.lab, &record, store)
        .map_err(|error| Problem::stage(&format!("cannot solve lab {}", lesson.id), &error))?;
    record.solved_for_me = true;
    store.save(&record).map_err(|error| unwritable(&store.scene_dir(lesson.id), &error))?;
    let mut out = io::stdout().lock();
    writeln!(out, "  the reference solution was used for lab {}; its record says so", lesson.id)?;
    match answer {
        Some(answer) => writeln!(out, "  the answer: glassbox lab check {} {answer}", lesson.id)?,
        None => writeln!(out, "  check it: glassbox lab check {}", lesson.id)?,
    }
    Ok(ExitCode::SUCCESS)
}
