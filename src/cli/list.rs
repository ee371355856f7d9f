//! `glassbox list`: the lessons by parts, with a mark for what is done.

use std::io::{self, Write};
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr;

use super::Outcome;
use super::learn::progress;
use super::problem::state_directory;
use crate::lessons;
use crate::stage::Lesson;

/// What stands before a lesson.
pub(super) const DONE: char = '✔';
pub(super) const CANNOT: char = '–';
pub(super) const NEITHER: char = ' ';

/// One lesson in one line, in columns that all of them share.
pub(super) fn line(lesson: &Lesson, mark: char) -> String {
    let widest = |text: fn(&Lesson) -> &str| lessons::all().map(|lesson| text(lesson).width()).max();
    let id = widest(|lesson| lesson.id).unwrap_or_default();
    let title = widest(|lesson| lesson.title).unwrap_or_default();
    format!("{mark} {:<id$} {:<title$} {:>2} min", lesson.id, lesson.title, lesson.minutes)
}

pub(super) fn run() -> Outcome {
    let progress = progress(&state_directory()?)?;
    let mut out = io::stdout().lock();
    for part in lessons::PARTS {
        writeln!(out, "{}", part.title)?;
        for lesson in part.lessons {
            let mark = if progress.lesson(lesson.id).done { DONE } else { NEITHER };
            writeln!(out, "  {}", line(lesson, mark))?;
        }
    }
    let minutes: u32 = lessons::all().map(|lesson| lesson.minutes).sum();
    let (hours, rest) = (minutes / 60, minutes % 60);
    writeln!(out, "\n{} lessons, {hours} h {rest} min in all", lessons::all().count())?;
    writeln!(out, "\nStart one:   glassbox learn {}", lessons::all().next().map_or("", |lesson| lesson.id))?;
    writeln!(out, "All of them: glassbox learn --all --auto")?;
    Ok(ExitCode::SUCCESS)
}
