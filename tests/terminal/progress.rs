//! What is kept of a learner's work, and that it is not lost.

use libtest_mimic::Trial;

use crate::common::{GLASSBOX, Home, finish, has_tool, runs, trial};
use crate::lesson::kept;
use crate::screen::{CURSOR, ENTER, PROMPT, Screen};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("a damaged progress file is set aside", damaged),
        trial("unknown fields of a progress file are no damage", unknown_fields),
        trial("a writer that was killed leaves nothing for long", killed_while_writing),
    ];
    if runs("pid", "progress") {
        trials.push(trial("progress is kept after each step", each_step));
    }
    trials
}

fn keep(home: &Home, content: &str) {
    std::fs::create_dir_all(home.state()).unwrap();
    std::fs::write(home.state().join("progress.json"), content).unwrap();
}

fn files(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.state()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn each_step() {
    let home = Home::new();
    let mut screen = Screen::start(&home, 80, ["learn", "pid"]);
    for step in 1..=4 {
        screen.choose(0);
        screen.wait_for(PROMPT);
        // While the lesson still goes on: nothing would be lost by a power cut.
        assert_eq!(kept(&home)["step"], step);
        screen.press(ENTER);
    }
    screen.wait_for(CURSOR);
    screen.signal(nix::sys::signal::Signal::SIGKILL);
    assert_eq!(screen.exit_code(), 137);
    assert_eq!(kept(&home)["step"], 5);
    let others = files(&home).into_iter().filter(|name| name != "runs" && name != "progress.json");
    assert_eq!(others.collect::<Vec<_>>(), Vec::<String>::new(), "one file, and no leftovers of writing it");
    // One that people can read.
    let text = std::fs::read_to_string(home.state().join("progress.json")).unwrap();
    assert!(text.lines().count() > 4, "{text}");
}

fn damaged() {
    let home = Home::new();
    for (number, content) in ["{\"lessons\": {\"pid\": {\"do", "not json at all"].iter().enumerate() {
        keep(&home, content);
        let ran = home.run(["progress"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        let aside = format!("progress.json.damaged-{}", number + 1);
        assert!(ran.err.contains("damaged") && ran.err.contains(&aside), "{ran}");
        assert_eq!(std::fs::read_to_string(home.state().join(&aside)).unwrap(), **content, "nothing is lost");
        assert!(ran.out.contains("0 of"), "{ran}");
    }
    // Said once and not for ever.
    let again = home.run(["progress"]);
    assert_eq!((again.code, again.err.as_str()), (Some(0), ""));
}

fn unknown_fields() {
    let home = Home::new();
    keep(&home, r#"{"version": 9, "lessons": {"pid": {"done": true, "stars": 5}, "later": {"step": 2}}}"#);
    let ran = home.run(["progress"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    assert!(ran.out.contains("1 of"), "{ran}");
    assert_eq!(files(&home), ["progress.json"]);
}

/// Kill it when the new file is whole, and has not taken the place of the old one yet.
fn kill_while_writing(home: &Home) {
    let mut strace = home.command("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2"]);
    strace.args(["-e", "inject=rename,renameat,renameat2:signal=SIGKILL:error=EIO"]);
    finish(strace.args([GLASSBOX, "progress", "--reset"]));
    let left = files(home);
    assert!(left.iter().any(|name| name.starts_with("progress.new-")), "it was killed in between: {left:?}");
}

fn killed_while_writing() {
    if !has_tool("strace", "a writer that was killed") {
        return;
    }
    let home = Home::new();
    const KEPT: &str = r#"{"lessons": {"pid": {"step": 4}}}"#;
    keep(&home, KEPT);
    kill_while_writing(&home);
    assert_eq!(std::fs::read_to_string(home.state().join("progress.json")).unwrap(), KEPT);
    // Somebody who is still writing is not disturbed.
    let busy = format!("progress.new-{}", std::process::id());
    std::fs::write(home.state().join(&busy), "").unwrap();
    let swept = home.run(["sweep"]);
    assert_eq!(
        (swept.code, swept.out.as_str()),
        (Some(0), "removed 1 file that was never finished\n"),
        "{swept}"
    );
    assert_eq!(files(&home), ["progress.json", &busy]);
    assert_eq!(home.run(["sweep"]).out, "nothing was left\n");

    kill_while_writing(&home);
    let written = home.run(["progress", "--reset"]);
    assert_eq!((written.code, files(&home)), (Some(0), vec!["progress.json".into(), busy]), "{written}");
}
