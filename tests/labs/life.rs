//! A lab's life: what outlives what, and that nothing is left behind.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use libtest_mimic::Trial;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::bench::{Bench, cgroups_named, end};
use crate::common::{GLASSBOX, Home, eventually, has_tool, trial};
use crate::{assert_failed, failing_claim};

/// A test of one lab.
pub(crate) type Test = fn(&'static str);

/// What holds for every lab.
pub(crate) const OF_EVERY_LAB: &[(&str, Test)] = &[
    ("values differ from start to start", values_differ),
    ("it outlives its terminal", outlives_the_terminal),
    ("reset leaves nothing behind", reset_leaves_nothing),
    ("reset leaves nothing of a scene whose processes were killed", reset_after_a_kill),
    ("starting again clears the old scene", starting_again),
    ("solve wants to be asked twice", solve_without_yes),
    ("nothing works before it was started", before_start),
    ("a scene that was killed is reported", killed),
    ("a scene of an earlier boot is reported", earlier_boot),
    ("a damaged record is reported", damaged),
];

/// What holds for the commands.
pub(crate) fn of_the_commands() -> Vec<Trial> {
    vec![trial("list shows kinds and states", list), trial("there is a lab of each kind", kinds)]
}

fn values_differ(lab: &'static str) {
    let (mine, yours) = (Bench::empty(lab), Bench::empty(lab));
    let tasks = [mine.start(), yours.start(), mine.start()];
    assert!(tasks[0] != tasks[1], "two students get the same task: {}", tasks[0]);
    assert!(tasks[0] != tasks[2], "the second start gives the same task: {}", tasks[0]);
}

/// A pseudo-terminal: what its user sees, and what programs have. No other process gets hold of either end,
/// so that closing the first one closes the window.
fn terminal() -> (File, File) {
    let private = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let screen = nix::pty::posix_openpt(private).unwrap();
    nix::pty::grantpt(&screen).unwrap();
    nix::pty::unlockpt(&screen).unwrap();
    let name = nix::pty::ptsname_r(&screen).unwrap();
    let keyboard = nix::fcntl::open(name.as_str(), private, Mode::empty()).unwrap();
    (File::from(std::os::fd::OwnedFd::from(screen)), File::from(keyboard))
}

/// Start and solve it in a terminal; then the window is closed.
fn outlives_the_terminal(lab: &'static str) {
    if !has_tool("setsid", "a terminal that is closed") {
        return;
    }
    let bench = Bench::empty(lab);
    let (screen, keyboard) = terminal();
    let end = || Stdio::from(keyboard.try_clone().unwrap());
    let work = "$glassbox lab start $0 && $glassbox lab solve $0 --yes && echo done && read line";
    let mut session = {
        // Gone before the terminal is read: it has ends of it, too.
        let mut setsid = bench.home.command("setsid");
        setsid.args(["--ctty", "--wait", "sh", "-c", work, lab]).env("glassbox", GLASSBOX);
        setsid.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    };
    drop(keyboard);
    let mut shown = vec![];
    while !String::from_utf8_lossy(&shown).contains("done\r\n") {
        let mut bytes = [0; 8192];
        let count = (&screen).read(&mut bytes).unwrap_or(0);
        assert!(count > 0, "lab {lab} ended early: {}", String::from_utf8_lossy(&shown));
        shown.extend(&bytes[..count]);
    }
    drop(screen);
    session.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let (_, answer) = shown.rsplit_once(&format!("glassbox lab check {lab}\u{20}")).unwrap_or_default();
    bench.expect(0, bench.check(answer.split_whitespace().next().unwrap_or_default()));
}

/// Whether nothing is left of a lab that was in this state.
fn gone(bench: &Bench, name: Option<&String>) {
    eventually(format!("the processes of lab {} end", bench.lab), || bench.processes().is_empty());
    let labs = std::fs::read_dir(bench.home.state().join("labs")).unwrap();
    let left: Vec<_> = labs.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "lab {} leaves {left:?}", bench.lab);
    let groups = name.map(|name| cgroups_named(name)).unwrap_or_default();
    assert!(groups.is_empty(), "lab {} leaves {groups:?}", bench.lab);
    let disks =
        name.map(|name| glassbox::probe::block::with_file(&format!("{name}-disk"))).unwrap_or_default();
    assert!(disks.is_empty(), "lab {} leaves {disks:?}", bench.lab);
}

fn reset_leaves_nothing(lab: &'static str) {
    let bench = Bench::started(lab);
    bench.solve();
    let name = bench.values().get("name").cloned();
    bench.expect(0, bench.run("reset"));
    gone(&bench, name.as_ref());
    bench.expect(0, bench.run("reset"));
}

fn reset_after_a_kill(lab: &'static str) {
    let bench = Bench::started(lab);
    bench.solve();
    let name = bench.values().get("name").cloned();
    end(&bench.processes());
    bench.expect(0, bench.run("reset"));
    gone(&bench, name.as_ref());
}

fn starting_again(lab: &'static str) {
    let bench = Bench::started(lab);
    bench.solve();
    let (old, name) = (bench.processes(), bench.values().get("name").cloned());
    bench.start();
    eventually("the old scene ends", || !old.iter().any(|process| process.is_alive()));
    assert_eq!(name.map(|name| cgroups_named(&name)).unwrap_or_default(), Vec::<std::path::PathBuf>::new());
    assert_eq!(bench.record()["solved_for_me"], false, "a new start is a new try");
    assert_failed(&bench.check(""));
}

fn solve_without_yes(lab: &'static str) {
    let bench = Bench::started(lab);
    let before = (bench.record(), bench.processes());
    let ran = bench.expect(2, bench.run("solve"));
    assert!(ran.err.contains(&format!("hint: glassbox lab solve {lab} --yes")), "{ran}");
    assert_eq!(before, (bench.record(), bench.processes()), "it did something");
    assert_failed(&bench.check(""));
}

/// Whether check, hint and solve refuse with this exit code and message, and say how to go on.
fn refuses(bench: &Bench, code: i32, message: &str) {
    let lab = bench.lab;
    let solve = || bench.home.run(["lab", "solve", lab, "--yes"]);
    for ran in [bench.run("check"), bench.run("hint"), solve()] {
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{ran}");
        let lines: Vec<_> = ran.err.lines().collect();
        assert_eq!(lines.len(), 2, "one line, and a hint: {ran}");
        assert!(lines[0].starts_with("error: ") && lines[0].contains(message), "{ran}");
        assert_eq!(lines[1], format!("hint: glassbox lab start {lab}"), "{ran}");
    }
}

fn before_start(lab: &'static str) {
    refuses(&Bench::empty(lab), 2, &format!("the lab {lab} has not been started"));
}

fn killed(lab: &'static str) {
    let bench = Bench::started(lab);
    let Some(holder) = bench.holder() else { return }; // nothing but the student can end this one
    end(&[holder]);
    refuses(&bench, 2, &format!("the scene of lab {lab} is gone: its process ended"));
    bench.start();
    assert_failed(&bench.check(""));
}

fn earlier_boot(lab: &'static str) {
    let bench = Bench::started(lab);
    let mut record = bench.record();
    record["boot_id"] = "00000000-0000-4000-8000-000000000000".into();
    std::fs::write(bench.file(), record.to_string()).unwrap();
    refuses(&bench, 2, &format!("the scene of lab {lab} is gone: "));
    bench.start();
    assert_failed(&bench.check(""));
}

fn damaged(lab: &'static str) {
    let bench = Bench::started(lab);
    let old = bench.processes();
    std::fs::write(bench.file(), "{\"lab\": ").unwrap();
    refuses(&bench, 1, &format!("the record of lab {lab} is damaged"));
    let list = bench.expect(0, bench.home.run(["lab", "list"])).out;
    assert!(list.lines().any(|line| line.contains(lab) && line.ends_with("damaged")), "{list}");
    bench.start();
    eventually("the old scene ends", || !old.iter().any(|process| process.is_alive()));
    assert!(failing_claim(&bench.check("")).is_some());
}

fn list() {
    let bench = Bench::empty("pid");
    let state = || {
        let list = bench.expect(0, bench.home.run(["lab", "list"])).out;
        let line = |lesson: &'static glassbox::stage::Lesson| {
            let line = list.lines().find(|line| line.trim().starts_with(lesson.id)).unwrap().trim();
            assert!(
                line.contains(&format!(" {} ", lesson.lab.kind)) && line.contains(lesson.lab.title),
                "{list}"
            );
            line.split_once(lesson.lab.title).unwrap().1.trim().to_string()
        };
        let (started, others): (Vec<_>, Vec<_>) =
            glassbox::lessons::all().partition(|lesson| lesson.id == bench.lab);
        assert!(others.into_iter().all(|lesson| line(lesson).is_empty()), "only one was started: {list}");
        line(started[0])
    };
    assert_eq!(state(), "");
    if !crate::common::lab_runs("pid", "the states of a lab") {
        return;
    }
    bench.start();
    assert_eq!(state(), "started");
    bench.check("0");
    assert_eq!(state(), "started", "a check that failed is no pass");
    bench.expect(0, bench.check(&bench.solve()));
    assert_eq!(state(), "solved");
    bench.run("reset");
    assert_eq!(state(), "");
}

fn kinds() {
    let list = Home::new().run(["lab", "list"]).out;
    for kind in ["do", "find", "fix"] {
        assert!(
            list.lines().any(|line| line.split_whitespace().nth(1) == Some(kind)),
            "none to {kind}: {list}"
        );
    }
}
