//! A command is killed at each of its steps: the next one finds a whole container or none, and nothing else is left.
//! strace kills it on its way into the system call.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::killed::killed;
use crate::common::{has_tool, sample, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("killed: run", || at_every_step(&["run", "tiny", "true"], |_| {}, false)),
        trial("killed: run --rm", || at_every_step(&["run", "--rm", "tiny", "true"], |_| {}, false)),
        trial("killed: run -d", || at_every_step(&["run", "-d", "tiny", "sleep", "1000"], |_| {}, true)),
        trial("killed: rm", || at_every_step(&["rm", "web"], ended, false)),
        trial("killed: rm -f", || at_every_step(&["rm", "-f", "web"], running, false)),
    ]
}

/// The steps that change something. The container's first process makes others, which end with the one that is killed.
const STEPS: [&str; 8] = [
    "?mkdir,mkdirat",
    "?symlink,symlinkat",
    "flock",
    "clone3",
    "?rmdir,unlinkat",
    "?unlink",
    "wait4",
    "recvmsg",
];

fn ended(host: &Host) {
    host.says(&["run", "--name", "web", "tiny", "sh", "-c", "echo > /file"]);
}

fn running(host: &Host) {
    host.says(&["run", "-d", "--name", "web", "tiny", "sleep", "1000"]);
}

fn at_every_step(command: &[&str], before: fn(&Host), stays: bool) {
    if !has_tool("strace", "a command that is killed") {
        return;
    }
    let Some(host) = Host::new("a command that is killed") else { return };
    let mut kills = 0;
    for (at, step) in STEPS.into_iter().enumerate() {
        // Machines that have no time for everything take a part of it.
        if sample().is_some_and(|sample| at % 2 != sample.number % 2) {
            continue;
        }
        // Each kind of step comes a few times; what comes later is like what came before.
        for number in 1..=8 {
            before(&host);
            if !killed(&host, command, step, number, stays) {
                host.clear();
                break;
            }
            kills += 1;
            let what = format!("{command:?} killed at {step} number {number}");
            // Whatever is listed can be looked at and removed.
            for id in host.says(&["ps", "-aq"]).lines() {
                host.says(&["inspect", id]);
            }
            host.clear();
            assert!(host.left().is_empty(), "{what}: {:?}", host.left());
        }
    }
    assert!(kills > 2, "{command:?} was killed {kills} times");
    host.says(&["run", "--rm", "tiny", "true"]);
}
