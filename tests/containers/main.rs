//! Containers: started, looked at from inside, listed and removed; as root and as an ordinary user.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod host;
mod inside;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut trials = run::trials();
    trials.extend(inside::trials());
    common::run(trials)
}
