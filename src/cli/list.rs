//! `glassbox list`: the lessons by parts, with a mark for what is done.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::learn::progress;
use super::problem::state_directory;
use crate::lessons;
use crate::stage::Lesson;

/// One lesson in one line.
pub(super) fn line(lesson: &Lesson, done: bool) -> String {
    let mark = if done { '✔' } else { ' ' };
    format!("{mark} {:<11} {:<22} {:>3} min", lesson.id, lesson.title, lesson.minutes)
}

pub(super) fn run() -> Outcome {
    let progress = progress(&state_directory()?)?;
    let mut out = io::stdout().lock();
    for part in lessons::PARTS {
        writeln!(out, "{}", part.title)?;
        for lesson in part.lessons {
            writeln!(out, "  {}", line(lesson, progress.lesson(lesson.id).done))?;
        }
    }
    writeln!(out, "\nStart one:   glassbox learn {}", lessons::all().next().map_or("", |lesson| lesson.id))?;
    writeln!(out, "All of them: glassbox learn --all --auto")?;
    Ok(ExitCode::SUCCESS)
}
