//! However a lesson ends, the host is what it was.
//!
//! Every lesson is stopped at each of its pauses and then ended: by a signal that can be caught, by one that
//! cannot, by a check that fails, and with its janitor killed first.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod host;

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use common::{GLASSBOX, Home, eventually};
use host::{Host, Run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A way in which a lesson is ended: its name, and the test of it.
type Ending = (&'static str, fn(&str));

const ENDINGS: [Ending; 6] = [
    ("SIGINT", |lesson| caught(lesson, Signal::SIGINT, 130)),
    ("SIGTERM", |lesson| caught(lesson, Signal::SIGTERM, 143)),
    ("SIGHUP", |lesson| caught(lesson, Signal::SIGHUP, 129)),
    ("SIGKILL", killed),
    ("failing check", failing_check),
    ("sweep", janitor_killed_too),
];

fn main() -> ExitCode {
    let mut trials = vec![
        common::trial("a sweep leaves those alone that still run", sweep_while_running),
        common::trial("a sweep after a power cut", sweep_after_a_power_cut),
        common::trial("a second signal while the first one is obeyed", second_signal),
    ];
    // One way after the other, so that the lessons that take long are not all under way at once.
    for (way, (name, end)) in ENDINGS.into_iter().enumerate() {
        for (number, lesson) in common::lessons().into_iter().enumerate() {
            if is_in_sample(number, way) {
                trials.push(common::trial(format!("{lesson} {name}"), move || {
                    let _turn = common::turn(lesson);
                    end(lesson);
                }));
            }
        }
    }
    common::run_while_others_wait(trials)
}

/// Where there is no time for everything, one lesson of twenty, ended in one way at one of its pauses: another
/// sample has others.
fn is_in_sample(lesson: usize, way: usize) -> bool {
    common::sample().is_none_or(|sample| {
        let lesson = lesson + sample.number;
        lesson.is_multiple_of(20) && way == sample.number % ENDINGS.len()
    })
}

/// Perform `lesson`. One fills a file, as large a one as it may, and to do that time and again takes minutes.
fn learn(home: &Home, lesson: &str) -> Command {
    let limit = if lesson == "copy-up" { "ulimit -f 131072; " } else { "" };
    let mut command = home.command("sh");
    command.args(["-c", &format!("{limit}exec \"$0\" \"$@\""), GLASSBOX]);
    command.args(["learn", lesson, "--auto", "--format", "jsonl"]);
    command
}

/// A lesson that waits at a pause.
struct Stopped {
    home: Home,
    director: Child,
    run: Run,
    before: Host,
}

impl Stopped {
    /// Perform `lesson` up to the pause `number`; `None` if it has no such pause.
    fn at(lesson: &str, number: usize) -> Option<Self> {
        let (home, before) = (Home::new(), Host::look());
        let output = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
        let complaint = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
        let mut command = learn(&home, lesson);
        command.args(["--stop-at-pause", &number.to_string()]);
        command.stdout(File::create(output.path()).unwrap());
        command.stderr(File::create(complaint.path()).unwrap());
        let mut director = command.spawn().unwrap();
        let pause = format!("\"event\":\"pause\",\"number\":{number},");
        let mut ended = None;
        eventually(format!("{lesson} at its pause {number}"), || {
            let written = std::fs::read_to_string(output.path()).unwrap_or_default();
            ended = director.try_wait().unwrap();
            ended.is_some() || written.contains(&pause)
        });
        if let Some(status) = ended {
            let said = |file: &tempfile::NamedTempFile| std::fs::read_to_string(file.path()).unwrap();
            let events = common::events(&said(&output));
            let has_failed = |event: &&Value| event["passed"] == false || event["event"] == "failed";
            let failed: Vec<_> = events.iter().filter(has_failed).collect();
            let complaint = said(&complaint);
            assert!(
                status.success(),
                "{lesson} ended before its pause {number}: {status}, {failed:?}, {complaint}"
            );
            return None;
        }
        let run = Run::look(&home, director.id() as i32);
        let stopped = Self { home, director, run, before };
        // What is going to be looked for afterwards can be found now.
        let there = stopped.run.remains(&stopped.home);
        let finds = |what: &str| there.iter().any(|thing| thing.starts_with(what));
        assert!(finds("the process") && finds("the file"), "{lesson} at pause {number} has only {there:?}");
        Some(stopped)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.director.id() as i32), signal).unwrap();
    }

    /// Wait for the director's end.
    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let director = &mut self.director;
        eventually("the end of the director", || {
            status = director.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Nothing of the run is there any more, and the rest is what it was.
    fn left_no_trace(&self, when: &str) {
        let remains = self.run.remains(&self.home);
        assert!(remains.is_empty(), "{when} this remains: {remains:#?}");
        same_host(&self.before, when);
    }
}

impl Drop for Stopped {
    /// A test that has failed leaves nothing behind either.
    fn drop(&mut self) {
        if self.director.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.director.kill();
            let _ = self.director.wait();
        }
    }
}

/// Somebody else on a busy machine may mount something for a moment.
fn same_host(before: &Host, when: &str) {
    let started = Instant::now();
    let mut now = Host::look();
    while now != *before && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
        now = Host::look();
    }
    assert_eq!(now, *before, "{when} the host is not what it was");
}

/// Do something at every pause of a lesson that can run here.
fn at_every_pause(lesson: &str, test: &str, mut end: impl FnMut(&mut Stopped, &str)) {
    if !common::runs(lesson, test) {
        return;
    }
    let when = |number: usize| format!("after {test} at pause {number} of {lesson}");
    if let Some(sample) = common::sample() {
        let number = sample.number % 3 + 1;
        let there = Stopped::at(lesson, number).map(|stopped| (number, stopped));
        let (number, mut stopped) =
            there.or_else(|| Some((1, Stopped::at(lesson, 1)?))).expect("a lesson has a pause");
        return end(&mut stopped, &when(number));
    }
    for number in 1.. {
        let Some(mut stopped) = Stopped::at(lesson, number) else {
            return assert!(number > 1, "{lesson} has no pause at all");
        };
        end(&mut stopped, &when(number));
    }
}

fn caught(lesson: &str, signal: Signal, code: i32) {
    at_every_pause(lesson, signal.as_str(), |stopped, when| {
        stopped.signal(signal);
        assert_eq!(stopped.ended().code(), Some(code), "{when}: the exit code");
        stopped.left_no_trace(when);
    });
}

fn killed(lesson: &str) {
    at_every_pause(lesson, "SIGKILL", |stopped, when| {
        stopped.signal(Signal::SIGKILL);
        assert_eq!(stopped.ended().signal(), Some(9), "{when}: how it ended");
        // The janitor works behind the director's back.
        let (run, home) = (&stopped.run, &stopped.home);
        let started = Instant::now();
        while !run.remains(home).is_empty() && started.elapsed() < common::PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        stopped.left_no_trace(when);
    });
}

fn failing_check(lesson: &str) {
    if !common::runs(lesson, "failing check") {
        return;
    }
    for number in 1..=common::sample().map_or(usize::MAX, |_| 1) {
        let (home, before) = (Home::new(), Host::look());
        let fault = number.to_string();
        let ran = common::finish(learn(&home, lesson).args(["--fault", &fault]));
        let events = common::events(&ran.out);
        if !events.iter().any(|event| event["event"] == "pause" && event["number"] == number) {
            return assert!(number > 1 && ran.code == Some(0), "{lesson}: {ran}");
        }
        let when = format!("after a failing check at pause {number} of {lesson}");
        assert_eq!(ran.code, Some(1), "{when}: {ran}");
        let failed: Vec<_> = events.iter().filter(|event| event["passed"] == false).collect();
        assert!(failed.iter().any(|event| event["source"] == "the test"), "{when}: what failed: {failed:?}");
        let mut remains = host::common_remains(&home);
        // The name of the run is in the names of its cgroups, which are narrated.
        let names = ran.out.match_indices("/glassbox-").map(|(at, _)| &ran.out[at + 1..at + 14]);
        let cgroups = names.flat_map(host::cgroups).map(|dir| dir.display().to_string());
        remains.extend(cgroups.collect::<std::collections::BTreeSet<_>>());
        assert!(remains.is_empty(), "{when} this remains: {remains:#?}");
        same_host(&before, &when);
    }
}

/// Nobody is left to clean up: `glassbox sweep` does it.
fn janitor_killed_too(lesson: &str) {
    let mut cgroups_swept = 0;
    at_every_pause(lesson, "sweep", |stopped, when| {
        let director = stopped.director.id() as i32;
        let janitor = stopped.run.janitor(director).clone();
        kill(Pid::from_raw(janitor.pid), Signal::SIGKILL).unwrap();
        eventually("the end of the janitor", || !janitor.is_alive());
        let cgroups = stopped.run.cgroups();
        stopped.signal(Signal::SIGKILL);
        stopped.ended();
        assert_eq!(stopped.home.ledgers().len(), 1, "{when}: the ledger is there");
        // Where an ordinary user's lesson is in a scope of systemd's, this takes its groups away with the scope.
        let in_scope = !common::is_root() && glassbox::probe::systemd::runs();
        let there = stopped.run.cgroups();
        let removed: Vec<_> =
            cgroups.iter().filter(|dir| !there.contains(dir) && !is_of_a_container(dir)).collect();
        assert!(removed.is_empty() || in_scope, "{when}: somebody has removed {removed:?}");
        let sweep = stopped.home.run(["sweep"]);
        assert_eq!(sweep.code, Some(0), "{when}: {sweep}");
        assert_eq!(sweep.out, "removed what 1 run left\n", "{when}: what it says");
        cgroups_swept += there.len();
        stopped.left_no_trace(when);
        let again = stopped.home.run(["sweep"]);
        assert_eq!(again.out, "nothing was left\n", "{when}: a second sweep");
    });
    // Or else the comparison of cgroups above compares nothing with nothing.
    let makes_one = ["cgroup-tree", "memory", "cpu", "pids", "freezer", "io"].contains(&lesson)
        && common::is_root()
        && common::sample().is_none();
    assert!(!makes_one || cgroups_swept > 0, "{lesson} had no cgroup at any pause");
}

/// Whether a group is a container's, by its name: its own supervisor removes it, if the program ends first because its
/// input does.
fn is_of_a_container(group: &Path) -> bool {
    let name = group.file_name().unwrap().to_string_lossy();
    name.rsplit('-')
        .next()
        .is_some_and(|id| id.len() == 12 && id.bytes().all(|sign| sign.is_ascii_hexdigit()))
}

fn sweep_while_running() {
    let lesson = "pid";
    if !common::runs(lesson, "sweep while running") {
        return;
    }
    let mut stopped = Stopped::at(lesson, 1).unwrap();
    let there = stopped.run.remains(&stopped.home);
    let sweep = stopped.home.run(["sweep"]);
    assert_eq!(sweep.code, Some(0), "{sweep}");
    assert!(sweep.out.contains(stopped.run.id()), "it names the run that goes on: {sweep}");
    assert_eq!(stopped.run.remains(&stopped.home), there);
    stopped.signal(Signal::SIGTERM);
    stopped.ended();
    stopped.left_no_trace("after a sweep in between");
}

/// An impatient user has not waited for the end.
fn second_signal() {
    let lesson = "container";
    if !common::runs(lesson, "a second signal") {
        return;
    }
    let mut stopped = Stopped::at(lesson, 1).unwrap();
    let janitor = stopped.run.janitor(stopped.director.id() as i32).pid;
    kill(Pid::from_raw(janitor), Signal::SIGSTOP).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        stopped.signal(signal);
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = stopped.director.try_wait().unwrap();
    kill(Pid::from_raw(janitor), Signal::SIGCONT).unwrap();
    assert_eq!(ended, None, "it waits until everything was removed");
    assert_eq!(stopped.ended().code(), Some(130), "of the first one");
    stopped.left_no_trace("after three signals");
}

/// The last line of the ledger was cut off, and what another one names is gone already.
fn sweep_after_a_power_cut() {
    let home = Home::new();
    let left = home.state().join("left");
    std::fs::create_dir_all(left.join("below")).unwrap();
    std::fs::create_dir_all(home.runs()).unwrap();
    let lines = [
        serde_json::json!({ "directory": left }).to_string(),
        serde_json::json!({ "directory": home.state().join("gone") }).to_string(),
        "{\"cgroup\":\"/sys/fs/cg".to_string(),
    ];
    std::fs::write(home.runs().join("abcd.ledger"), lines.join("\n")).unwrap();
    let sweep = home.run(["sweep"]);
    assert_eq!((sweep.code, sweep.out.as_str()), (Some(0), "removed what 1 run left\n"), "{sweep}");
    assert!(!left.exists(), "what the ledger names is there");
    assert!(home.ledgers().is_empty(), "the ledger is there");
}
