//! `glassbox sweep`: finish the job of runs that could not.

use std::process::ExitCode;

use super::Outcome;
use super::problem::{state_directory, unwritable};
use crate::trace::sweep;

pub(super) fn run() -> Outcome {
    let runs = state_directory()?.join("runs");
    let swept = sweep::sweep(&runs).map_err(|error| unwritable(&runs, &error))?;
    match swept.settled.len() {
        0 => println!("nothing was left"),
        count => println!("removed what {count} {} left", if count == 1 { "run" } else { "runs" }),
    }
    for run in &swept.running {
        println!("run {run} is still going on: left alone");
    }
    for thing in &swept.left {
        eprintln!("error: cannot remove {thing}");
    }
    Ok(if swept.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
