//! `glassbox sweep`: finish the job of runs that could not.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::problem::{Problem, state_directory, unwritable};
use crate::machine::Attempt;
use crate::trace::sweep;

pub(super) fn run() -> Outcome {
    let runs = state_directory()?.join("runs");
    let swept = sweep::sweep(&runs).map_err(|error| unwritable(&runs, &error))?;
    let mut out = io::stdout().lock();
    match swept.settled.len() {
        0 => writeln!(out, "nothing was left")?,
        count => writeln!(out, "removed what {count} {} left", if count == 1 { "run" } else { "runs" })?,
    }
    for run in &swept.running {
        writeln!(out, "run {run} is still going on: left alone")?;
    }
    if swept.left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Problem::refused(Attempt::leftover(swept.left.join("; "), "glassbox sweep".into())))
}
