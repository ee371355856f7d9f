//! `glassbox` alone: a greeting, what this machine can do, and a menu.

use std::io::{self, Write};
use std::process::ExitCode;

use colored::Colorize;

use super::learn::progress;
use super::lesson::{cannot, guard, learn, where_to_begin};
use super::problem::{Problem, state_directory};
use super::scope::Scope;
use super::{Outcome, keys, list};
use crate::lessons;
use crate::machine::{Machine, Mode, Refusal};
use crate::present::Terminal;
use crate::stage::Lesson;

/// A line of the menu.
struct Entry {
    part: &'static str,
    lesson: &'static Lesson,
    ready: Result<Mode, Refusal>,
}

pub(super) fn run(scope: &Scope) -> Outcome {
    if !keys::has_terminal() {
        list::tell(&progress(&state_directory()?)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    scope.enter(lessons::all());
    guard()?;
    let machine = Machine::examine();
    let entries: Vec<Entry> = lessons::PARTS
        .iter()
        .flat_map(|part| part.lessons.iter().map(|lesson| (part.title, *lesson)))
        .map(|(part, lesson)| Entry { part, lesson, ready: machine.ready(lesson.needs) })
        .collect();
    greet(&entries)?;
    let state = state_directory()?;
    let mut latest = 0;
    loop {
        let progress = progress(&state)?;
        let done = |entry: &Entry| progress.lesson(entry.lesson.id).done;
        let mut items: Vec<String> = entries.iter().map(|entry| entry.line(done(entry))).collect();
        items.push("  quit".into());
        // The one that was just left in the middle, or else the next one.
        let undone = |at: &usize| entries.get(*at).is_some_and(|entry| !done(entry));
        let next = (latest..entries.len()).chain(0..latest).find(undone).unwrap_or(0);
        let asked = keys::choose("Which lesson? (arrows, Enter; q leaves)", &items, next);
        let chosen =
            asked.map_err(|error| Problem::failed("cannot show the menu", error, "glassbox list"))?;
        let Some((at, Entry { lesson, ready, .. })) = chosen.and_then(|at| Some((at, entries.get(at)?)))
        else {
            return Ok(ExitCode::SUCCESS);
        };
        latest = at;
        let told = match ready {
            Ok(mode) => match where_to_begin(lesson, progress.lesson(lesson.id).step)? {
                Some(from) => learn(lesson, *mode, &state, from, None).map(drop),
                None => continue,
            },
            Err(refusal) => Err(cannot(lesson, refusal)),
        };
        // One lesson that cannot run here does not end the menu.
        if let Err(problem) = told {
            problem.tell();
        }
        writeln!(io::stdout())?;
    }
}

fn greet(entries: &[Entry]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (runs, all) = (entries.iter().filter(|entry| entry.ready.is_ok()).count(), entries.len());
    let others = format!("; `glassbox doctor` says what the others want, marked {}", list::CANNOT);
    let rest = if runs < all { &*others } else { "" };
    let what = "Each lesson does one thing that containers are made of, for real, and shows you the kernel.";
    writeln!(out, "{}", "glassbox: a container with glass walls".bold())?;
    let whole = list::duration(lessons::minutes());
    for text in [what, &format!("{runs} of {all} lessons, {whole} in all, run here{rest}.")] {
        for line in textwrap::wrap(text, Terminal::width()) {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out)
}

impl Entry {
    fn line(&self, done: bool) -> String {
        let room = Terminal::width().saturating_sub(4);
        let (mark, cannot) = match (done, &self.ready) {
            (true, Ok(_)) => (list::DONE, ""),
            (false, Ok(_)) => (list::NEITHER, ""),
            (_, Err(_)) => (list::CANNOT, " (cannot run here)"),
        };
        let line = list::line(self.lesson, mark);
        let part = format!("{line}{cannot}   {}", self.part);
        let forms = [format!("{part}   {}", self.lesson.foundation()), part, format!("{line}{cannot}")];
        let fits = |form: &&String| form.chars().count() <= room;
        let form = forms.iter().find(fits).unwrap_or(&line);
        form.chars().take(room).collect::<String>().trim_end().to_string()
    }
}
