//! `glassbox progress`: what the learner has done.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::learn::progress;
use super::problem::{state_directory, unwritable};
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
    writeln!(out, "{done} of {} lessons done", lessons::all().count())?;
    for lesson in lessons::all() {
        let record = progress.lesson(lesson.id);
        let place = match (record.done, record.step) {
            (true, _) if record.predicted > 0 => {
                format!("done, {} of {} predictions right", record.predicted_right, record.predicted)
            }
            (true, _) => "done".into(),
            (false, 0) => "not begun".into(),
            (false, step) => format!("step {step} of {}", lesson.steps),
        };
        writeln!(out, "  {:<12} {place}", lesson.id)?;
    }
    writeln!(out, "kept in {}", file::path(&state).display())?;
    Ok(ExitCode::SUCCESS)
}
