//! The x-ray is right: of containers that others made, as `/proc`, `lsns` and the runtimes themselves describe them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod agree;
mod errors;
mod held;
mod oci;
mod podman;
mod text;
mod unshared;
mod xray;

use std::process::ExitCode;

fn main() -> ExitCode {
    if errors::is_scene() {
        return errors::scene();
    }
    let mut trials = unshared::trials();
    trials.extend(oci::trials());
    trials.extend(podman::trials());
    trials.extend(errors::trials());
    trials.extend(text::trials());
    common::run(trials)
}
