//! Networks of containers, on a host that is made for the test: a network namespace of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod create;
mod host;
mod join;
mod macvlan;
mod publish;
mod rootless;
mod vxlan;

use std::process::ExitCode;

fn main() -> ExitCode {
    common::run_while_others_wait(
        [
            create::trials(),
            join::trials(),
            macvlan::trials(),
            publish::trials(),
            rootless::trials(),
            vxlan::trials(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
}
