//! `glassbox` alone: a greeting, what this machine can do, and a menu.

use std::io::{self, Write};
use std::process::ExitCode;

use colored::Colorize;

use super::learn::{learn, progress};
use super::problem::{Problem, state_directory};
use super::{Outcome, keys, list};
use crate::lessons;
use crate::machine::{Machine, Verdict};
use crate::present::Terminal;
use crate::stage::{Lesson, interrupt};

pub(super) fn run() -> Outcome {
    if !keys::has_terminal() {
        return list::run();
    }
    interrupt::guard().map_err(|errno| Problem::failed("cannot handle signals", errno, ""))?;
    let machine = Machine::examine();
    let verdicts: Vec<Verdict> = lessons::all().map(|lesson| machine.verdict(lesson.needs)).collect();
    greet(&verdicts)?;
    let state = state_directory()?;
    loop {
        let done = progress(&state)?;
        let entries: Vec<(&'static str, &'static Lesson)> = lessons::PARTS
            .iter()
            .flat_map(|part| part.lessons.iter().map(|lesson| (part.title, *lesson)))
            .collect();
        let mut items: Vec<String> = entries
            .iter()
            .zip(&verdicts)
            .map(|((part, lesson), verdict)| item(part, lesson, done.lesson(lesson.id).done, verdict))
            .collect();
        items.push("  quit".into());
        let next = entries.iter().position(|(_, lesson)| !done.lesson(lesson.id).done).unwrap_or(0);
        let asked = keys::choose("Which lesson?", &items, next);
        let chosen =
            asked.map_err(|error| Problem::failed("cannot show the menu", error, "glassbox list"))?;
        let Some((_, lesson)) = chosen.and_then(|index| entries.get(index)) else {
            return Ok(ExitCode::SUCCESS);
        };
        let from = where_to_begin(lesson, done.lesson(lesson.id).step)?;
        match learn(lesson, &machine, &state, from) {
            Ok(_) => writeln!(io::stdout())?,
            // One lesson that cannot run here does not end the menu.
            Err(problem) => {
                problem.tell();
            }
        }
    }
}

fn greet(verdicts: &[Verdict]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let runs = verdicts.iter().filter(|verdict| !matches!(verdict, Verdict::Cannot(_))).count();
    writeln!(out, "{}", "glassbox: a container with glass walls".bold())?;
    let what = "Each lesson does one thing that containers are made of, for real, and shows you the kernel.";
    for line in textwrap::wrap(what, Terminal::width()) {
        writeln!(out, "{line}")?;
    }
    let rest = if runs < verdicts.len() { "; `glassbox doctor` says what the others want" } else { "" };
    for line in
        textwrap::wrap(&format!("{runs} of {} lessons run here{rest}.", verdicts.len()), Terminal::width())
    {
        writeln!(out, "{line}")?;
    }
    writeln!(out)
}

fn item(part: &str, lesson: &Lesson, done: bool, verdict: &Verdict) -> String {
    let cannot = if matches!(verdict, Verdict::Cannot(_)) { " (cannot run here)" } else { "" };
    let line = format!("{}{cannot}", list::line(lesson, done));
    let full = format!("{line}   {part}");
    let room = Terminal::width().saturating_sub(4);
    let fitting = if full.chars().count() <= room { full } else { line };
    fitting.chars().take(room).collect::<String>().trim_end().to_string()
}

/// A lesson that was left in the middle can be gone on with.
fn where_to_begin(lesson: &Lesson, step: usize) -> Result<usize, Problem> {
    if step <= 1 || step > lesson.steps {
        return Ok(1);
    }
    let items = [format!("go on with step {step} of {}", lesson.steps), "begin again".to_string()];
    let asked = keys::choose("You have been here before", &items, 0);
    let chosen = asked.map_err(|error| Problem::failed("cannot show the menu", error, "glassbox learn"))?;
    Ok(if chosen == Some(0) { step } else { 1 })
}
