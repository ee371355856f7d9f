//! What is narrated is what was executed, and the other way round.
//!
//! Each lesson runs under strace, which sees its system calls from outside. Those that change something are
//! held against the calls in the lesson's own stream of events, process by process and in their order.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod executed;
mod narrated;
mod netlink;
mod notation;

use std::collections::BTreeMap;
use std::process::ExitCode;

use common::Home;
use glassbox::kernel::namespace::{Kind, unshare};
use notation::Action;

type Actions = BTreeMap<i32, Vec<Action>>;

fn main() -> ExitCode {
    let mut trials = vec![
        common::trial("a false story is noticed", false_stories),
        common::trial("run --explain", || explained_start(&Home::new(), &[])),
        common::trial("run --explain --net", explained_member),
    ];
    trials.extend(common::lessons().into_iter().map(|lesson| {
        common::trial(lesson, move || {
            if let Some((narrated, executed)) = witness(lesson) {
                let difference = difference(&narrated, &executed);
                assert!(difference.is_none(), "{lesson}: {}", difference.unwrap_or_default());
            }
        })
    }));
    common::run(trials)
}

/// What a lesson says that it did, and what it did.
fn witness(lesson: &str) -> Option<(Actions, Actions)> {
    if !common::has_tool("strace", format!("witness of {lesson}")) || !common::runs(lesson, "witness") {
        return None;
    }
    let (home, traces) = (Home::new(), Home::new());
    let mut strace = home.command("strace");
    strace.args(["-ff", "-y", "-s", "8192", "--decode-pids=pidns", "-e", executed::TRACED, "-o"]);
    strace.arg(traces.path().join("trace")).arg(common::GLASSBOX);
    strace.args(["learn", lesson, "--auto", "--format", "jsonl"]);
    let ran = common::finish(&mut strace);
    assert_eq!(ran.code, Some(0), "{lesson} under strace: {ran}");
    let events = common::events(&ran.out);
    let narrated = narrated::actions(&events);
    let executed = executed::actions(&executed::read(traces.path()), narrated::performer(&events));
    assert!(narrated.values().flatten().count() > 3, "{lesson} tells of hardly any call");
    Some((narrated, executed))
}

/// What is shown of a container's start is what its first process does.
fn explained_start(home: &Home, flags: &[&str]) {
    if !common::has_tool("strace", "witness of run --explain")
        || !common::runs("exec", "witness of run --explain")
    {
        return;
    }
    let traces = Home::new();
    let made = home.run(["image", "inspect", "tiny"]);
    assert_eq!(made.code, Some(0), "{made}");
    let mut strace = home.command("strace");
    strace.args(["-ff", "-y", "-s", "8192", "--decode-pids=pidns", "-e", executed::TRACED, "-o"]);
    strace.arg(traces.path().join("trace")).arg(common::GLASSBOX);
    // Under strace an ordinary user's container has root and nobody else.
    let user = if common::is_root() { "7" } else { "0" };
    strace.args(["run", "--rm", "--explain=jsonl", "--tmpfs", "/mem", "-u", user]).args(flags);
    strace.args(["tiny", "true"]);
    let ran = common::finish(&mut strace);
    assert_eq!(ran.code, Some(0), "run --explain under strace: {ran}");
    let events = common::events(&ran.err);
    let inside = events.iter().find(|event| event["lane"] == "container").expect("it says something");
    let inside = inside["pid"].as_i64().unwrap() as i32;
    // What it writes to tell is no part of the story.
    let counts = |action: &Action| !action.args.iter().any(|arg| arg.starts_with("\"{\\\"v\\\":1,"));
    let only = |mut actions: Actions| {
        let own = actions.remove(&inside).unwrap_or_default().into_iter().filter(counts).collect();
        Actions::from([(inside, own)])
    };
    let narrated = only(narrated::actions(&events));
    let executed = only(executed::actions(&executed::read(traces.path()), inside));
    assert!(narrated[&inside].len() > 30, "it tells of hardly any call: {narrated:?}");
    let difference = difference(&narrated, &executed);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

/// The same of one on a network, on a host that is made for it: the network namespace of a thread.
fn explained_member() {
    if !common::is_root() {
        return common::skip("witness of run --explain --net", "an ordinary user can make no networks");
    }
    let in_namespace = || {
        if let Err(error) = unshare(&[Kind::Net]) {
            return common::skip("witness of run --explain --net", error);
        }
        let home = Home::new();
        let made = home.run(["network", "create", "web"]);
        assert_eq!(made.code, Some(0), "{made}");
        explained_start(&home, &["--net", "web"]);
        let removed = home.run(["network", "rm", "web"]);
        assert_eq!(removed.code, Some(0), "{removed}");
    };
    if let Err(panic) = std::thread::scope(|scope| scope.spawn(in_namespace).join()) {
        std::panic::resume_unwind(panic);
    }
}

/// Where the two lists part, with what is around it.
fn difference(narrated: &Actions, executed: &Actions) -> Option<String> {
    let nothing = vec![];
    let pids: std::collections::BTreeSet<&i32> = narrated.keys().chain(executed.keys()).collect();
    pids.into_iter().find_map(|pid| {
        let (told, done) = (narrated.get(pid).unwrap_or(&nothing), executed.get(pid).unwrap_or(&nothing));
        let same = told.iter().zip(done).take_while(|(told, done)| told == done).count();
        let parted = same < told.len() || same < done.len();
        parted.then(|| {
            format!(
                "process {pid} tells and does not do the same\nnarrated:\n{}executed:\n{}",
                around(told, same),
                around(done, same)
            )
        })
    })
}

fn around(list: &[Action], at: usize) -> String {
    let shown = list.iter().enumerate().skip(at.saturating_sub(3)).take(7);
    let mark = |index| if index == at { ">" } else { " " };
    let mut text: String = shown.map(|(index, action)| format!("{} {action}\n", mark(index))).collect();
    if at >= list.len() {
        text += "> (no more)\n";
    }
    text
}

/// The comparison would notice whatever could be wrong.
fn false_stories() {
    let told = witness("pid");
    let Some((narrated, executed)) = told else { return };
    assert_eq!(difference(&narrated, &executed), None);
    let busiest = narrated.iter().max_by_key(|(_, actions)| actions.len()).map(|(pid, _)| *pid).unwrap();
    let with = |change: &dyn Fn(&mut Vec<Action>)| {
        let mut changed = narrated.clone();
        change(changed.get_mut(&busiest).unwrap());
        changed
    };
    let middle = narrated[&busiest].len() / 2;
    let missing = with(&|actions| drop(actions.remove(middle)));
    let invented = with(&|actions| actions.push(actions[middle].clone()));
    let other_order = with(&|actions| actions.reverse());
    let other_argument = with(&|actions| actions[middle].args.push("MS_RDONLY".into()));
    let other_result = with(&|actions| actions[middle].result = "EPERM".into());
    for story in [&missing, &invented, &other_order, &other_argument, &other_result] {
        assert!(difference(story, &executed).is_some(), "not noticed: {story:?}");
        assert!(difference(&executed, story).is_some(), "not noticed the other way round: {story:?}");
    }
    let mut silent = narrated.clone();
    silent.remove(&busiest);
    assert!(difference(&silent, &executed).is_some(), "a process that says nothing is not noticed");
}
