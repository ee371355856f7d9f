//! `glassbox sweep`: finish the job of runs that could not.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::problem::{Problem, state_directory, unwritable};
use crate::machine::Attempt;
use crate::state::remove_unfinished;
use crate::trace::sweep;

pub(super) fn run() -> Outcome {
    let state = state_directory()?;
    let runs = state.join("runs");
    let swept = sweep::sweep(&runs).map_err(|error| unwritable(&runs, &error))?;
    let mut unfinished = 0;
    for dir in [&state, &state.join("labs")] {
        unfinished += remove_unfinished(dir).map_err(|error| unwritable(dir, &error))?;
    }
    let mut out = io::stdout().lock();
    match swept.settled.len() {
        0 if unfinished == 0 => writeln!(out, "nothing was left")?,
        0 => {}
        1 => writeln!(out, "removed what 1 run left")?,
        count => writeln!(out, "removed what {count} runs left")?,
    }
    if unfinished > 0 {
        let files = if unfinished == 1 { "file that was" } else { "files that were" };
        writeln!(out, "removed {unfinished} {files} never finished")?;
    }
    for run in &swept.running {
        writeln!(out, "run {run} is still going on: left alone")?;
    }
    if swept.left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Problem::refused(Attempt::leftover(swept.left.join("; "), "glassbox sweep".into())))
}
