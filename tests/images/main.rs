//! Images: taken in from others and given to them, damaged and hostile ones, two at once, and killed halfway.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod archive;
mod bench;
mod build;
mod build_others;
mod commands;
mod committed;
mod crash;
mod docker;
mod foreign;
mod hostile;
mod owners;
mod round;
mod together;
mod unpacked;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut trials = commands::trials();
    trials.extend(unpacked::trials());
    trials.extend(owners::trials());
    trials.extend(hostile::trials());
    trials.extend(foreign::trials());
    trials.extend(round::trials());
    trials.extend(committed::trials());
    trials.extend(build::trials());
    trials.extend(build_others::trials());
    trials.extend(docker::trials());
    trials.extend(together::trials());
    trials.extend(crash::trials());
    common::run_while_others_wait(trials)
}
