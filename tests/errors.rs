//! What goes wrong is told in one line, what to do about it in another, and the exit code says which kind it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use std::process::{Command, ExitCode};

use common::{GLASSBOX, Home, Ran, eventually, finish, has_tool, is_root, runs, skip, trial};
use libtest_mimic::Trial;

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const CANNOT: i32 = 3;

fn main() -> ExitCode {
    let mut trials = vec![
        trial("unknown lesson", unknown_lesson),
        trial("no terminal", no_terminal),
        trial("wrong step", wrong_step),
        trial("wrong flags", wrong_flags),
        trial("flags of all commands", flags_of_all_commands),
        trial("no home", no_home),
        trial("state directory that cannot be made", state_below_a_file),
        trial("lab that was not started", lab_not_started),
        trial("lab with a damaged record", damaged_record),
        trial("output that nobody reads", closed_pipe),
        trial("output to a full disk", full_disk),
    ];
    trials.extend(in_namespaces());
    common::run(trials)
}

/// One line says what went wrong, one what to do, and nothing else is written.
fn assert_problem(ran: &Ran, code: i32, message: &str, hint: &str) {
    let lines: Vec<&str> = ran.err.lines().collect();
    let [first, second] = lines.as_slice() else { panic!("an error and a hint, a line each: {ran}") };
    assert!(first.starts_with("error: ") && first.contains(message), "{message:?} is said: {ran}");
    assert!(second.starts_with("hint: ") && second.contains(hint), "{hint:?} is hinted at: {ran}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{ran}");
}

fn unknown_lesson() {
    let home = Home::new();
    for args in [["learn", "pod", "--auto"], ["lab", "start", "pod"], ["lab", "check", "pod"]] {
        assert_problem(&home.run(args), USAGE, "there is no lesson \"pod\"", "did you mean pid?");
    }
    // A suggestion that is far from what was typed would mislead.
    assert_problem(&home.run(["learn", "xyzzy", "--auto"]), USAGE, "\"xyzzy\"", "glassbox list");
    // Nothing runs if one of several is wrong.
    assert_problem(&home.run(["learn", "pid", "memroy", "--auto"]), USAGE, "\"memroy\"", "memory");
}

fn no_terminal() {
    let home = Home::new();
    for args in [vec!["learn", "pid"], vec!["learn"], vec!["learn", "--all"]] {
        let ran = finish(home.command(GLASSBOX).args(args));
        assert_problem(&ran, USAGE, "not a terminal", "--auto");
    }
    // Without a lesson there is the list, and no error.
    let list = home.run([]);
    assert_eq!((list.code, list.err.as_str()), (Some(0), ""), "{list}");
    assert!(list.out.contains(&format!("glassbox learn {}", common::lessons()[0])), "{list}");
}

fn wrong_step() {
    let home = Home::new();
    let last = glassbox::lessons::find("pid").unwrap().steps;
    for step in ["0", "99"] {
        let ran = home.run(["learn", "pid", "--auto", "--from", step]);
        let what = format!("pid has steps 1 to {last}, not {step}");
        assert_problem(&ran, USAGE, &what, &format!("--from {last}"));
    }
    let ran = home.run(["learn", "pid", "--auto", "--nodes", "5"]);
    assert_problem(&ran, USAGE, "no nodes to be counted in pid", "it is for one-image, hundred-nodes");
    for (nodes, nearest) in [("1", "2"), ("1001", "1000")] {
        let ran = home.run(["learn", "hundred-nodes", "--auto", "--nodes", nodes]);
        let what = format!("hundred-nodes has 2 to 1000 nodes, not {nodes}");
        assert_problem(&ran, USAGE, &what, &format!("--nodes {nearest}"));
    }
    assert!(!home.state().exists(), "nothing is written before the arguments are understood");
}

/// These are told by clap, in its own words.
fn wrong_flags() {
    let home = Home::new();
    let cases: [(&[&str], &str); 6] = [
        (&["lern"], "a similar subcommand exists: 'learn'"),
        (&["learn", "pid", "--atuo"], "a similar argument exists: '--auto'"),
        (&["learn", "pid", "--from", "x"], "invalid value 'x'"),
        (&["learn", "pid", "--stable"], "--auto"),
        (&["learn", "pid", "--all"], "cannot be used with"),
        (&["learn", "pid", "--format", "html"], "possible values: terminal, plain, jsonl"),
    ];
    for (args, said) in cases {
        let ran = finish(home.command(GLASSBOX).args(args));
        assert_eq!((ran.code, ran.out.as_str()), (Some(USAGE), ""), "{ran}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{said}: {ran}");
    }
}

/// What glassbox says to itself is nobody else's.
fn flags_of_all_commands() {
    let home = Home::new();
    for command in ["learn", "doctor", "lab", "list"] {
        let help = home.run([command, "--help"]);
        assert!(help.out.contains("--no-scope") && !help.out.contains("--moved-from"), "{help}");
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{help}");
    }
    let list = home.run(["list", "--no-scope"]);
    assert_eq!((list.code, list.err.as_str()), (Some(0), ""), "{list}");
}

fn no_home() {
    let home = Home::new();
    for arguments in ["list", "progress", "learn pid --auto", "lab start pid", "sweep"] {
        let mut command = home.command(GLASSBOX);
        command.args(arguments.split(' ')).env_remove("HOME").env_remove("XDG_STATE_HOME");
        assert_problem(&finish(&mut command), USAGE, "neither XDG_STATE_HOME nor HOME", "XDG_STATE_HOME=");
    }
}

/// Commands that write to the state directory.
const WRITERS: [&str; 3] = ["learn pid --auto", "progress --reset", "lab start pid"];

fn writers() -> impl Iterator<Item = &'static str> {
    let lesson = runs("pid", "writing to the state directory");
    WRITERS.into_iter().filter(move |arguments| lesson || arguments.starts_with("progress"))
}

/// Root, too, cannot make a directory below a file.
fn state_below_a_file() {
    let home = Home::new();
    for arguments in writers() {
        let mut command = home.command(GLASSBOX);
        let ran = finish(command.args(arguments.split(' ')).env("XDG_STATE_HOME", "/dev/null/x"));
        assert_problem(&ran, FAILED, "Not a directory", "XDG_STATE_HOME");
        assert!(ran.err.contains("/dev/null/x/glassbox"), "it says which directory: {ran}");
    }
}

fn lab_not_started() {
    let home = Home::new();
    for args in [vec!["check", "pid"], vec!["hint", "pid"], vec!["solve", "pid", "--yes"]] {
        let ran = finish(home.command(GLASSBOX).arg("lab").args(args));
        assert_problem(&ran, USAGE, "the lab pid has not been started", "glassbox lab start pid");
    }
}

fn damaged_record() {
    let home = Home::new();
    let file = home.state().join("labs/pid.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "{\"lab\": \"pi").unwrap();
    for action in ["check", "hint"] {
        let ran = home.run(["lab", action, "pid"]);
        assert_problem(&ran, FAILED, "the record of lab pid is damaged", "glassbox lab start pid");
    }
    let list = home.run(["lab", "list"]);
    assert_eq!((list.code, list.err.as_str()), (Some(0), ""), "{list}");
}

/// `| head -1`, at its worst: whoever should read is gone before the first line.
fn closed_pipe() {
    let home = Home::new();
    let commands = [
        "",
        "list",
        "doctor",
        "doctor --format json",
        "inspect $PPID",
        "inspect $PPID --format json",
        "progress",
        "sweep",
        "lab list",
        "completions bash",
        "images",
        "history tiny",
        "image inspect tiny",
        "save tiny",
        "prune --force --all",
    ];
    let lessons = ["learn pid --auto", "learn pid --auto --format jsonl", "learn --all --auto"];
    for arguments in commands.into_iter().chain(lessons).chain(["--help"]) {
        let ran = finish(&mut home.script(&format!("{{ sleep 0.2; $glassbox {arguments}; }} | true")));
        assert_eq!(ran.all(), "", "nothing is said after `glassbox {arguments} | true`");
        eventually("nothing is left", || home.ledgers().is_empty());
    }
}

fn full_disk() {
    let home = Home::new();
    let mut commands = vec!["list", "doctor", "doctor --format json", "progress", "sweep", "lab list"];
    commands.extend(["completions bash", "images", "history tiny", "image inspect tiny", "prune -a -f"]);
    if runs("pid", "writing to a full disk") {
        commands.extend(["learn pid --auto", "learn pid --auto --format jsonl", "lab start pid"]);
        commands.extend(["lab check pid 1", "lab hint pid", "lab solve pid --yes", "lab reset pid"]);
    }
    for arguments in commands {
        let ran = finish(&mut home.script(&format!("$glassbox {arguments} >/dev/full")));
        assert_problem(&ran, FAILED, "cannot write the output: ENOSPC", "is that disk full?");
    }
}

/// A machine that refuses is made with `unshare(1)`: as root in a mount namespace, else in a user namespace.
fn in_namespaces() -> Vec<Trial> {
    let what = "what a machine may refuse";
    if !has_tool("unshare", what) || !has_tool("setpriv", what) {
        return vec![];
    }
    if finish(Command::new("unshare").args(["-Umr", "true"])).code != Some(0) {
        skip(what, "this user may not make user namespaces");
        return vec![];
    }
    let mut trials = vec![trial("read-only state directory", read_only), trial("full state directory", full)];
    if runs("pid", "a machine that refuses namespaces") {
        trials.push(trial("no user namespaces", no_user_namespaces));
        trials.push(trial("no PID namespaces", no_pid_namespaces));
    }
    trials
}

/// Run a script where it may mount. The state directory of `home` is a small file system in memory there.
fn on_small_disk(home: &Home, script: &str) -> Ran {
    let unshare = if is_root() { "unshare -m" } else { "unshare -Umr" };
    let disk = r#"mount -t tmpfs -o size=64k small "$XDG_STATE_HOME""#;
    finish(&mut home.script(&format!("{unshare} sh -c '{disk} && {script}'")))
}

fn read_only() {
    for arguments in writers() {
        let home = Home::new();
        let script = format!(r#"mount -o remount,bind,ro "$XDG_STATE_HOME" && "$glassbox" {arguments}"#);
        let ran = on_small_disk(&home, &script);
        assert_problem(&ran, FAILED, "Read-only file system", "point XDG_STATE_HOME at");
    }
}

fn full() {
    for arguments in writers() {
        let home = Home::new();
        // What was there stays as it was, and nothing is left of what could not be written.
        let script = format!(
            r#"cd "$XDG_STATE_HOME" && mkdir glassbox && echo "{{}}" >glassbox/progress.json &&
               {{ cat /dev/zero >full 2>/dev/null; "$glassbox" {arguments}; code=$?;
                  [ "$(cat glassbox/progress.json)" = "{{}}" ] || echo lost;
                  find glassbox -type f ! -name progress.json; exit $code; }}"#
        );
        let ran = on_small_disk(&home, &script);
        assert_problem(&ran, FAILED, "No space left on device", "make room");
    }
}

/// No more powers than an ordinary user has.
const ORDINARY: &str = "setpriv --bounding-set=-all --inh-caps=-all";

/// Run a command in a user namespace in which a limit was set to 0.
fn limited(limit: &str, command: &str) -> Ran {
    let zero = format!("echo 0 >/proc/sys/user/{limit}");
    finish(&mut Home::new().script(&format!("unshare -Ur sh -c '{zero} && {{ {command}; }}'")))
}

fn no_user_namespaces() {
    let refused =
        |arguments| limited("max_user_namespaces", &format!(r#"{ORDINARY} "$glassbox" {arguments}"#));
    for arguments in ["learn pid --auto", "lab start pid"] {
        let hint = "sudo sysctl user.max_user_namespaces=";
        assert_problem(&refused(arguments), CANNOT, "user.max_user_namespaces is 0", hint);
    }
    // Among others a lesson is skipped: visible, counted, and no pass.
    let all = refused("learn --all --auto");
    assert!(all.out.contains(" 0 passed") && all.out.contains(" 0 failed"), "{all}");
    for said in [all, refused("doctor")] {
        assert!(said.out.contains("user.max_user_namespaces is 0"), "{said}");
    }
}

fn no_pid_namespaces() {
    let ran = limited("max_pid_namespaces", r#""$glassbox" learn pid --auto"#);
    assert_problem(&ran, CANNOT, "user.max_pid_namespaces is 0", "sudo sysctl user.max_pid_namespaces=");
}
