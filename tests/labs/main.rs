//! Every lab, proven both ways: what is wrong fails with the message that names the mistake, what is right
//! passes. And a lab's life: it outlives the terminal, and leaves nothing behind.
//!
//! The attempts stand in one module for each lab, beside this file: what a student does, in a shell.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bench;
mod bridge;
mod build;
mod capabilities;
mod cgroup_ns;
mod cgroup_tree;
mod chroot;
mod commit;
#[path = "../common/mod.rs"]
mod common;
mod container;
mod copy_up;
mod cpu;
mod dev_proc_sys;
mod exec;
mod freezer;
mod host_network;
mod hundred_nodes;
mod init_layer;
mod io;
mod ipc;
mod isolation;
mod join;
mod layers;
mod life;
mod macvlan;
mod memory;
mod mount;
mod nat;
mod network;
mod no_new_privs;
mod one_image;
mod overlay;
mod pid;
mod pids;
mod pivot_root;
mod process;
mod report;
mod report_formats;
mod rootless;
mod schema;
mod seccomp;
mod ship;
mod storage_drivers;
mod time;
mod user;
mod uts;
mod veth;
mod vm;
mod vxlan;
mod xml;

use std::process::ExitCode;

use bench::Bench;
use common::{Ran, eventually, has_tool, skip};

/// What students do in a lab.
pub(crate) struct Attempts {
    /// The lab.
    lab: &'static str,
    /// The programs that the scripts use, beside the shell's own.
    tools: &'static [&'static str],
    /// Before every script: what the shell may use.
    prelude: &'static str,
    /// What is wrong in a plausible way.
    wrong: &'static [Wrong],
    /// What is right, each in a way of its own.
    right: &'static [Right],
    /// How to follow a hint word by word, where hints are commands: the script, with the hint as `$hint`.
    follow: Option<&'static str>,
    /// A program that the student leaves running, by its command line with `$value` in it.
    runs: Option<&'static str>,
}

/// A plausible mistake.
pub(crate) struct Wrong {
    what: &'static str,
    /// What the student does; what it writes is the answer to the lab's question.
    script: &'static str,
    /// The claim that does not hold, and the message that names the mistake.
    claim: &'static str,
    says: &'static str,
}

/// A way that is right.
pub(crate) struct Right {
    what: &'static str,
    script: &'static str,
}

const ATTEMPTS: &[Attempts] = &[
    process::ATTEMPTS,
    vm::ATTEMPTS,
    uts::ATTEMPTS,
    pid::ATTEMPTS,
    mount::ATTEMPTS,
    ipc::ATTEMPTS,
    network::ATTEMPTS,
    user::ATTEMPTS,
    cgroup_ns::ATTEMPTS,
    time::ATTEMPTS,
    join::ATTEMPTS,
    cgroup_tree::ATTEMPTS,
    memory::ATTEMPTS,
    cpu::ATTEMPTS,
    pids::ATTEMPTS,
    freezer::ATTEMPTS,
    io::ATTEMPTS,
    overlay::ATTEMPTS,
    copy_up::ATTEMPTS,
    layers::ATTEMPTS,
    init_layer::ATTEMPTS,
    one_image::ATTEMPTS,
    commit::ATTEMPTS,
    storage_drivers::ATTEMPTS,
    build::ATTEMPTS,
    ship::ATTEMPTS,
    chroot::ATTEMPTS,
    pivot_root::ATTEMPTS,
    dev_proc_sys::ATTEMPTS,
    veth::ATTEMPTS,
    bridge::ATTEMPTS,
    nat::ATTEMPTS,
    host_network::ATTEMPTS,
    macvlan::ATTEMPTS,
    vxlan::ATTEMPTS,
    capabilities::ATTEMPTS,
    seccomp::ATTEMPTS,
    no_new_privs::ATTEMPTS,
    rootless::ATTEMPTS,
    container::ATTEMPTS,
    exec::ATTEMPTS,
    isolation::ATTEMPTS,
    hundred_nodes::ATTEMPTS,
];

const REFERENCE: &str = "the reference passes";

fn main() -> ExitCode {
    let mut trials = vec![common::trial("every lab has its attempts", every_lab_has_attempts)];
    for attempts in ATTEMPTS {
        let lab = attempts.lab;
        let mut add = |name: &str, test: Box<dyn FnOnce() + Send>| {
            if !is_in_sample(lab, name) {
                return;
            }
            trials.push(common::trial(format!("{lab}: {name}"), move || {
                if common::lab_runs(lab, "lab") {
                    let _turn = common::turn(lab);
                    test();
                }
            }));
        };
        add("the untouched scene fails", Box::new(move || untouched(lab)));
        add(REFERENCE, Box::new(move || reference(lab)));
        add("hints come in order", Box::new(move || hints(lab)));
        for wrong in attempts.wrong {
            add(&format!("wrong: {}", wrong.what), Box::new(|| fails(attempts, wrong)));
        }
        for right in attempts.right {
            add(&format!("right: {}", right.what), Box::new(|| passes(attempts, right)));
        }
        if let Some(follow) = attempts.follow {
            add("right: what the last hints say", Box::new(|| hints_lead_there(attempts, follow)));
        }
        for (name, test) in life::OF_EVERY_LAB {
            add(name, Box::new(move || test(lab)));
        }
    }
    // No machine makes a difference to these.
    if common::sample().is_none() {
        trials.extend(life::of_the_commands());
        trials.extend(report::trials());
        trials.extend(report_formats::trials());
    }
    common::run_while_others_wait(trials)
}

/// Where there is no time for everything, the references of the labs whose lessons are tried.
fn is_in_sample(lab: &str, what: &str) -> bool {
    common::sample().is_none_or(|sample| what == REFERENCE && sample.has(lab))
}

fn every_lab_has_attempts() {
    let labs: Vec<_> = ATTEMPTS.iter().map(|attempts| attempts.lab).collect();
    assert_eq!(common::lessons(), labs, "a lesson's lab wants a module beside tests/labs/main.rs");
    for attempts in ATTEMPTS {
        assert!(attempts.wrong.len() >= 2, "{}: two plausible mistakes at least", attempts.lab);
        assert!(!attempts.right.is_empty(), "{}: a right way, done by hand", attempts.lab);
    }
}

/// The first claim that does not hold, as `check` and `hint` print it.
pub(crate) fn failing_claim(ran: &Ran) -> Option<String> {
    let line = ran.out.lines().find_map(|line| line.trim().strip_prefix("✘ "))?;
    Some(line.split("  ").next().unwrap().split(" saw ").next().unwrap().trim().into())
}

/// Whether a check failed for a claim, and says what it saw and where.
pub(crate) fn assert_failed(ran: &Ran) {
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(ran.err, "", "a claim that does not hold is no error of the program");
    let mut lines = ran.out.lines();
    let claim = lines.find(|line| line.contains('✘')).unwrap_or_else(|| panic!("no claim fails: {ran}"));
    assert!(claim.contains("saw "), "does not say what it saw: {ran}");
    assert!(lines.next().unwrap().trim().starts_with("in /"), "does not say where: {ran}");
    assert!(!ran.out.contains("passed"), "{ran}");
}

fn assert_passed(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.out.contains("passed") && !ran.out.contains('✘'), "{ran}");
}

fn untouched(lab: &'static str) {
    let bench = Bench::started(lab);
    assert_failed(&bench.check(""));
    assert_eq!(bench.record()["passed"], false);
}

fn reference(lab: &'static str) {
    let bench = Bench::started(lab);
    let ran = bench.check(&bench.solve());
    assert_passed(&ran);
    assert!(ran.out.contains("with the reference solution"), "the student did not do it: {ran}");
}

fn hints(lab: &'static str) {
    let bench = Bench::started(lab);
    let claim = failing_claim(&bench.check("")).unwrap();
    let mut texts = vec![];
    for taken in [1, 2, 3, 3] {
        let ran = bench.expect(0, bench.run("hint"));
        assert_eq!(failing_claim(&ran).as_ref(), Some(&claim), "a hint about another claim: {ran}");
        let (_, text) =
            ran.out.split_once(&format!("hint {taken} of 3: ")).unwrap_or_else(|| panic!("{ran}"));
        texts.push(text.to_string());
        let offered = bench.check("").out.contains(&format!("hint ({} of 3)", taken + 1));
        assert_eq!(offered, taken < 3, "check offers the hint that comes next, and none after the last");
    }
    assert_eq!(texts[2], texts[3], "after the last hint comes the last hint");
    texts.dedup();
    assert_eq!(texts.len(), 3, "each hint says something else: {texts:#?}");
}

/// Start the lab, and let the student do `script`; returns the answer.
fn attempt(bench: &Bench, attempts: &Attempts, script: &str) -> Option<String> {
    let what = format!("lab {}", attempts.lab);
    if !attempts.tools.iter().all(|tool| has_tool(tool, &what)) {
        return None;
    }
    let task = bench.start();
    match bench.student(&task, &format!("{}\n{script}", attempts.prelude)) {
        Ok(answer) => {
            if let Some(program) = attempts.runs.filter(|_| script.contains("sleep $seconds")) {
                let wanted = bench.fill(program);
                eventually(&wanted, || {
                    bench.processes().iter().any(|process| bench::line(process) == wanted)
                });
            }
            Some(answer)
        }
        Err(why) => {
            skip(format!("lab {}", attempts.lab), why);
            None
        }
    }
}

fn fails(attempts: &'static Attempts, wrong: &Wrong) {
    let bench = Bench::empty(attempts.lab);
    let Some(answer) = attempt(&bench, attempts, wrong.script) else { return };
    let ran = bench.check(&answer);
    assert_failed(&ran);
    let (claim, says) = (bench.fill(wrong.claim), bench.fill(wrong.says));
    let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = text.split('✘').skip(1).any(|failure| {
        failure.trim().starts_with(&claim) && failure.split('✔').next().unwrap().contains(&says)
    });
    assert!(named, "does not say of `{claim}`: {says}\n{ran}");
    // Somebody who is stuck right here gets help for what does not hold.
    if answer.is_empty() {
        let hint = bench.expect(0, bench.run("hint"));
        assert_eq!(failing_claim(&hint), failing_claim(&ran), "the hint is about another claim");
        assert!(hint.out.contains("hint 1 of 3: "), "{hint}");
    }
}

fn passes(attempts: &'static Attempts, right: &Right) {
    let bench = Bench::empty(attempts.lab);
    let Some(answer) = attempt(&bench, attempts, right.script) else { return };
    let ran = bench.check(&answer);
    assert_passed(&ran);
    assert!(!ran.out.contains("reference"), "the student did it: {ran}");
}

/// Whoever does what the last hint says, again and again, gets there.
fn hints_lead_there(attempts: &'static Attempts, follow: &str) {
    let bench = Bench::empty(attempts.lab);
    if !attempts.tools.iter().all(|tool| has_tool(tool, "the hints of a lab")) {
        return;
    }
    let task = bench.start();
    for _ in 0..10 {
        if bench.check("").code == Some(0) {
            return;
        }
        for _ in 0..2 {
            bench.run("hint");
        }
        let ran = bench.expect(0, bench.run("hint"));
        // What was started in the background may have got there meanwhile: then the next check says so.
        let Some(hint) = ran.out.split("hint 3 of 3: ").nth(1).map(str::trim) else { continue };
        let script = format!("{}\nhint=$(cat <<'END'\n{hint}\nEND\n)\n{follow}", attempts.prelude);
        bench.student(&task, &script).unwrap();
    }
    panic!("the hints do not lead there: {}", bench.check(""));
}
