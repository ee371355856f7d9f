//! `glassbox sweep`: finish the job of runs that could not.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::problem::{Problem, state_directory, unwritable};
use crate::image::Store;
use crate::machine::Attempt;
use crate::state::remove_unfinished;
use crate::trace::sweep;

pub(super) fn run() -> Outcome {
    let state = state_directory()?;
    let runs = state.join("runs");
    let swept = sweep::sweep(&runs).map_err(|error| unwritable(&runs, &error))?;
    let images = Store::place(&state);
    let images = if images.exists() { Store::open(&images)?.cleared() } else { 0 };
    let mut files = 0;
    for dir in [&state, &state.join("labs"), &state.join("networks")] {
        files += remove_unfinished(dir).map_err(|error| unwritable(dir, &error))?;
    }
    let mut out = io::stdout().lock();
    let removed = [
        (swept.settled.len(), "what 1 run left", "what {} runs left"),
        (images, "what 1 unfinished image left", "what {} unfinished images left"),
        (files, "1 file that was never finished", "{} files that were never finished"),
    ];
    for (count, one, several) in removed.iter().filter(|(count, ..)| *count > 0) {
        let what = if *count == 1 { one.to_string() } else { several.replace("{}", &count.to_string()) };
        writeln!(out, "removed {what}")?;
    }
    if removed.iter().all(|(count, ..)| *count == 0) {
        writeln!(out, "nothing was left")?;
    }
    for run in &swept.running {
        writeln!(out, "run {run} is still going on: left alone")?;
    }
    if swept.left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Problem::refused(Attempt::leftover(swept.left.join("; "), "glassbox sweep".into())))
}
