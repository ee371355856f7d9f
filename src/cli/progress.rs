//! `glassbox progress`: what the learner has done.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::learn::progress;
use super::list::{duration, heading, widest, with_foundation};
use super::problem::{state_directory, unwritable};
use crate::stage::Lesson;
use crate::{lessons, progress as file};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Forget it all
    #[arg(long)]
    reset: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let state = state_directory()?;
    if args.reset {
        file::Progress::default().save(&state).map_err(|error| unwritable(&state, &error))?;
    }
    let progress = progress(&state)?;
    let done = lessons::all().filter(|lesson| progress.lesson(lesson.id).done).count();
    let mut out = io::stdout().lock();
    let minutes = |done: bool| {
        let such = lessons::all().filter(|lesson| progress.lesson(lesson.id).done == done);
        duration(such.map(|lesson| lesson.minutes).sum())
    };
    writeln!(
        out,
        "{done} of {} lessons done: {}, and {} to go",
        lessons::all().count(),
        minutes(true),
        minutes(false)
    )?;
    for part in lessons::PARTS {
        writeln!(out, "{}", heading(part))?;
        for lesson in part.lessons {
            tell(&mut out, lesson, &progress)?;
        }
    }
    writeln!(out, "kept in {}", file::path(&state).display())?;
    Ok(ExitCode::SUCCESS)
}

fn tell(out: &mut impl Write, lesson: &Lesson, progress: &file::Progress) -> io::Result<()> {
    let record = progress.lesson(lesson.id);
    let place = match (record.done, record.step) {
        (true, _) if record.predicted > 0 => {
            format!("done, {} of {} predictions right", record.predicted_right, record.predicted)
        }
        (true, _) => "done".into(),
        (false, 0) => "not begun".into(),
        (false, step) => format!("step {step} of {}", lesson.steps),
    };
    let id = widest(|lesson| lesson.id);
    let line = format!("  {:<id$} {:>2} min  {place:<11}", lesson.id, lesson.minutes);
    let column = id + "  10 min  ".len() + 1;
    writeln!(out, "{}", with_foundation(&line, lesson, column).trim_end())
}
