//! The commands for containers, with docker's words.

mod create;
mod order;
pub(super) mod ps;
pub(super) mod rm;
pub(super) mod run;
mod streams;

use super::Outcome;
use super::problem::{Problem, state_directory};
use crate::container::Records;

/// The containers of this user.
fn records() -> Result<Records, Problem> {
    Ok(Records::open(&state_directory()?))
}
