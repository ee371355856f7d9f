//! A command is killed at each of its steps: the next one finds a whole container or none, and nothing else is left.
//! strace kills it on its way into the system call.

use libtest_mimic::Trial;

use crate::common::{GLASSBOX, eventually, finish, has_tool, processes, sample, trial};
use crate::host::Host;

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
        if sample().is_some_and(|sample| at % 2 != sample % 2) {
            continue;
        }
        // Each kind of step comes a few times; what comes later is like what came before.
        for number in 1..=8 {
            before(&host);
            if !killed(&host, command, step, number, stays) {
                clear(&host);
                break;
            }
            kills += 1;
            let what = format!("{command:?} killed at {step} number {number}");
            // Whatever is listed can be looked at and removed.
            for id in host.says(&["ps", "-aq"]).lines() {
                host.says(&["inspect", id]);
            }
            clear(&host);
            assert!(host.left().is_empty(), "{what}: {:?}", host.left());
        }
    }
    assert!(kills > 2, "{command:?} was killed {kills} times");
    host.says(&["run", "--rm", "tiny", "true"]);
}

fn clear(host: &Host) {
    let ids = host.says(&["ps", "-aq"]);
    let ids: Vec<&str> = ids.lines().collect();
    if !ids.is_empty() {
        host.says(&[&["rm", "-f"], ids.as_slice()].concat());
    }
}

/// Whether it was killed; it was not, if it has fewer such steps.
pub(crate) fn killed(host: &Host, arguments: &[&str], step: &str, number: u32, stays: bool) -> bool {
    let inject = format!("inject={step}:signal=SIGKILL:when={number}");
    let trace = format!("trace={step}");
    let mut command = host.home.command("strace");
    let log = host.home.path().join("strace.log");
    let follow = if stays { &["-f", "-D"][..] } else { &["-f"] };
    command.args(follow).args([
        "-q",
        "-o",
        log.to_str().unwrap(),
        "-e",
        &trace,
        "-e",
        &inject,
        "--",
        GLASSBOX,
    ]);
    let ran = finish(command.args(arguments));
    let killed = || std::fs::read_to_string(&log).unwrap_or_default().contains("killed by SIGKILL");
    if stays && !killed() {
        // The supervisor is traced as long as it lives.
        clear(host);
    }
    let home = format!("XDG_STATE_HOME={}", host.home.path().display());
    let is_ours = |process: &processes::Process| process.name == "strace";
    eventually("its tracer ends", || !processes::with_environment(&home).iter().any(is_ours));
    let killed = killed();
    assert!(killed || ran.code == Some(0), "{step} number {number}: {ran}");
    killed
}
