//! What every lesson says, word for word: its stable run as text and as events.
//!
//! The book is made from the same files. A transcript depends on who runs the lesson and on the cgroup layout
//! of the machine, so each of these has its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use common::{Home, who};

fn main() -> ExitCode {
    let trials = common::lessons().into_iter().flat_map(|lesson| {
        ["jsonl", "plain"]
            .map(|format| common::trial(format!("{lesson} {format}"), move || transcript(lesson, format)))
    });
    common::run(trials.collect())
}

fn transcript(lesson: &'static str, format: &str) {
    if !common::runs(lesson, "transcript") {
        return;
    }
    let learn = || {
        let ran = Home::new().run(["learn", lesson, "--auto", "--stable", "--format", format]);
        assert_eq!(ran.code, Some(0), "{lesson}: {ran}");
        // In a scope it has moved to it says that.
        let more = ran.err.lines().find(|line| !line.starts_with("note: "));
        assert_eq!(more, None, "{lesson} says nothing on standard error");
        ran.out
    };
    let first = learn();
    let second = if common::sample().is_some() { first.clone() } else { learn() };
    assert!(
        first == second,
        "two runs of {lesson} differ: src/stage/stable.rs has to put a name in place of\n{}",
        differences(&first, &second)
    );
    let suffix = format!("{}.{format}", who());
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/snapshots/transcripts__{lesson}@{suffix}.snap"));
    let update = std::env::var("INSTA_UPDATE").unwrap_or_default();
    assert!(
        file.exists() || !matches!(update.as_str(), "" | "auto" | "no"),
        "there is no transcript of {lesson} for {} yet: read it with\n  \
         glassbox learn {lesson} --auto --stable --format {format}\n\
         and accept it with\n  INSTA_UPDATE=always cargo test --test transcripts",
        who(),
    );
    // insta writes what is new beside what it was. Where nothing is to be written it says too little: what differs
    // has to be seen from here, on whatever machine it is.
    let dir = file.parent().unwrap();
    let only_compares = matches!(update.as_str(), "" | "auto" | "no") && std::env::var_os("CI").is_some()
        || nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_err();
    if file.exists() && only_compares {
        let kept = std::fs::read_to_string(&file).unwrap();
        let kept = kept.splitn(3, "---\n").nth(2).unwrap_or_default().trim_end();
        let same = kept == first.trim_end();
        return assert!(same, "{lesson} says something else than it did:\n{}", differences(kept, &first));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_suffix(suffix);
    settings.set_description(format!("glassbox learn {lesson} --auto --stable --format {format}"));
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(lesson, first));
}

/// The lines in which two texts differ.
fn differences(left: &str, right: &str) -> String {
    let pairs = left.lines().zip(right.lines()).filter(|(left, right)| left != right);
    pairs.take(5).map(|(left, right)| format!("- {left}\n+ {right}\n")).collect()
}
