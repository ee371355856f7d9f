//! doctor is right: what it says of each lesson on this machine is what happens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use std::process::ExitCode;

use common::outcome::misjudged;
use common::{GLASSBOX, Home, finish, has_tool};
use serde_json::Value;

fn main() -> ExitCode {
    common::run(vec![
        common::trial("doctor is right", doctor_is_right),
        common::trial("doctor tries each need once", each_need_once),
    ])
}

/// Each trial is a process, some are two: far fewer than lessons that need the same.
fn each_need_once() {
    if !has_tool("strace", "how often doctor tries a need") {
        return;
    }
    let home = Home::new();
    let calls = home.path().join("calls");
    let mut strace = home.command("strace");
    strace.args(["-f", "-qq", "-e", "trace=process", "-e", "signal=none", "-o"]).arg(&calls);
    let ran = finish(strace.args([GLASSBOX, "doctor", "--format", "json"]));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let needs = report["needs"].as_array().unwrap().len();
    let calls = std::fs::read_to_string(calls).unwrap();
    let made = calls.lines().filter(|call| call.contains("clone") || call.contains("fork(")).count();
    assert!(made >= 1 && made <= 2 * needs + 10, "{made} processes for {needs} needs");
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
