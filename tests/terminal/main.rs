//! The interactive run, through a real pseudo-terminal: keys go in, and what counts is what the screen shows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod course;
mod lesson;
mod menu;
mod plain;
mod progress;
mod recording;
mod screen;
mod signals;
mod try_it;
mod walk;

use std::process::ExitCode;

fn main() -> ExitCode {
    if !common::has_tool("setsid", "the terminal tests") {
        return common::run(vec![]);
    }
    let parts = [
        course::trials(),
        lesson::trials(),
        menu::trials(),
        plain::trials(),
        progress::trials(),
        recording::trials(),
        signals::trials(),
        try_it::trials(),
        walk::trials(),
    ];
    common::run(parts.into_iter().flatten().collect())
}
