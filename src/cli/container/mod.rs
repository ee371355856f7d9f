//! The commands for containers, with docker's words.

pub(super) mod create;
mod detached;
pub(super) mod diff;
pub(super) mod exec;
mod explain;
pub(super) mod inspect;
pub(super) mod logs;
mod network;
mod order;
pub(super) mod ps;
pub(super) mod rm;
pub(super) mod run;
pub(super) mod signal;
pub(super) mod stats;
mod streams;
pub(super) mod template;

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use super::problem::{Problem, state_directory};
use crate::container::error::Error;
use crate::container::{Container, Records};

/// The containers of this user.
fn records() -> Result<Records, Problem> {
    Ok(Records::open(&state_directory()?))
}

/// A failure has docker's exit codes.
fn coded(error: Error) -> Problem {
    let code = error.exit_code();
    Problem::from(error).with_code(code)
}

/// What keeps a container from being made.
fn ours(problem: impl Into<Problem>) -> Problem {
    const OURS: u8 = 125;
    problem.into().with_code(OURS)
}

/// Do something to each of these containers, and print what was given. One that refuses does not spare the others.
fn each(given: &[String], act: impl Fn(&Records, &Container) -> Result<Option<String>, Error>) -> Outcome {
    let records = records()?;
    let mut code = ExitCode::SUCCESS;
    for given in given {
        match records.find(given).and_then(|container| act(&records, &container)) {
            Ok(answer) => writeln!(io::stdout(), "{}", answer.as_ref().unwrap_or(given))?,
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    Ok(code)
}
