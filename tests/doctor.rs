//! doctor is right: what it says of each lesson on this machine is what happens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use std::process::ExitCode;

use common::Home;
use common::outcome::misjudged;

fn main() -> ExitCode {
    common::run(vec![common::trial("doctor is right", doctor_is_right)])
}

fn doctor_is_right() {
    let home = Home::new();
    let doctor = home.run(["doctor", "--format", "json"]);
    let learn = home.run(["learn", "--all", "--auto", "--format", "jsonl"]);
    let regardless =
        |lesson: &str| home.run(["learn", lesson, "--auto", "--format", "jsonl", "--regardless"]);
    let wrong = misjudged(&common::lessons(), &doctor, &learn, regardless);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
