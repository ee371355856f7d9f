//! `run --explain`: the start part by part. What it says is held against strace by tests/witness.

use std::path::PathBuf;

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::common::host::Host;
use crate::common::{events, eventually, trial};
use crate::screen::{CTRL_C, ENTER, Screen};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("explain: beside what the program writes", beside),
        trial("explain: a start that fails", fails),
        trial("explain: what does not go with it", usage),
        trial("explain: a key after each part", keys),
        trial("explain: left by a key", left),
        trial("explain: a signal at a pause", signals),
    ]
}

/// What is asked for after each part.
const PAUSE: &str = "[Enter] next";

fn beside() {
    let Some(host) = Host::new("explain") else { return };
    let ran = host.glassbox(&["run", "--rm", "--explain", "tiny", "hostname"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(ran.out.lines().count(), 1, "the container's name alone: {ran}");
    assert!(ran.err.contains("step 18 of 18") && ran.err.contains("pivot_root(\".\", \".\")"), "{ran}");
    assert!(!ran.err.contains(PAUSE), "nobody is there to press a key: {ran}");
    let ran = host.glassbox(&["run", "--rm", "--explain=jsonl", "tiny", "true"]);
    let steps = events(&ran.err).iter().filter(|event| event["event"] == "step").count();
    assert_eq!((ran.code, steps), (Some(0), 18), "{ran}");
    assert_eq!(host.left(), Vec::<PathBuf>::new());
}

fn fails() {
    let Some(host) = Host::new("explain") else { return };
    let ran = host.glassbox(&["run", "--explain", "tiny", "nope"]);
    assert_eq!(ran.code, Some(127), "{ran}");
    assert!(ran.err.contains("the container has no program \"nope\""), "{ran}");
    assert_eq!(host.left(), Vec::<PathBuf>::new());
}

fn usage() {
    let Some(host) = Host::new("explain") else { return };
    for wrong in [&["--explain", "-d"][..], &["--explain", "--replicas", "2"], &["--explain=loud"]] {
        let ran = host.glassbox(&[&["run"], wrong, &["tiny", "true"]].concat());
        assert!(ran.code != Some(0) && ran.err.contains("--explain"), "{wrong:?}: {ran}");
    }
}

fn start(host: &Host) -> Screen {
    let mut screen = Screen::start(&host.home, 80, ["run", "--rm", "-it", "--explain", "tiny", "sh"]);
    screen.wait_for("users of its own: done");
    screen
}

fn keys() {
    let Some(host) = Host::new("explain") else { return };
    let mut screen = start(&host);
    screen.press(ENTER);
    screen.wait_for("into its group: done");
    screen.press("c");
    screen.wait_for("# ");
    screen.press("exit 6\r");
    screen.ends_with(6, &host.home);
    assert_eq!(host.left(), Vec::<PathBuf>::new());
}

fn left() {
    let Some(host) = Host::new("explain") else { return };
    for key in ["q", CTRL_C] {
        let mut screen = start(&host);
        screen.press(key);
        screen.ends_with(125, &host.home);
        assert_eq!(host.left(), Vec::<PathBuf>::new());
    }
}

fn signals() {
    let Some(host) = Host::new("explain") else { return };
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        let screen = start(&host);
        screen.signal(signal);
        screen.ends_with(code, &host.home);
        eventually("nothing is left", || host.left().is_empty());
    }
}
