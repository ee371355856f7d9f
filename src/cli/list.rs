//! `glassbox list`: the lessons by parts, with a mark for what is done.

use std::process::ExitCode;

use super::Outcome;
use super::learn::progress;
use super::problem::state_directory;
use crate::lessons;
use crate::stage::Lesson;

/// One lesson in one line.
pub(super) fn line(lesson: &Lesson, done: bool) -> String {
    let mark = if done { '✔' } else { ' ' };
    format!("{mark} {:<10} {:<22} {:>3} min", lesson.id, lesson.title, lesson.minutes)
}

pub(super) fn run() -> Outcome {
    let progress = progress(&state_directory()?)?;
    for part in lessons::PARTS {
        println!("{}", part.title);
        for lesson in part.lessons {
            println!("  {}", line(lesson, progress.lesson(lesson.id).done));
        }
    }
    println!("\nStart one:   glassbox learn {}", lessons::all().next().map_or("", |lesson| lesson.id));
    println!("All of them: glassbox learn --all --auto");
    Ok(ExitCode::SUCCESS)
}
