//! Containers: started, looked at from inside, listed and removed; as root and as an ordinary user.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod crash;
mod detached;
mod escapes;
mod exec;
mod explain;
mod inside;
mod lent;
mod run;
#[path = "../terminal/screen.rs"]
#[allow(dead_code, reason = "the tests of lessons use the rest")]
mod screen;
mod scripts;
mod several;
mod storage;
mod terminal;
mod together;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut trials = run::trials();
    trials.extend(inside::trials());
    trials.extend(detached::trials());
    trials.extend(exec::trials());
    trials.extend(explain::trials());
    trials.extend(changes::trials());
    trials.extend(storage::trials());
    trials.extend(terminal::trials());
    trials.extend(several::trials());
    trials.extend(together::trials());
    trials.extend(scripts::trials());
    trials.extend(crash::trials());
    trials.extend(lent::trials());
    trials.extend(escapes::trials());
    common::run_while_others_wait(trials)
}
