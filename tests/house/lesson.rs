//! What belongs to a lesson: its places in the repository, and what every lesson does for its learner.

use std::collections::{BTreeMap, BTreeSet};

use glassbox::stage::Lesson;
use serde_json::Value;

use crate::is_address;
use crate::source::{none, read, root};

/// A menu is indented by two columns and a mark of two, and has to fit into sixty.
const CHOICE: usize = 54;

/// A question that can be thought over, and not a course.
const MINUTES: std::ops::RangeInclusive<u32> = 3..=30;

/// What a lesson says: its transcript, as root on a machine of today.
fn transcript(lesson: &Lesson) -> Vec<Value> {
    let snapshot = read(&format!("tests/snapshots/transcripts__{}@root-v2.jsonl.snap", lesson.id));
    let events = snapshot.lines().filter(|line| line.starts_with('{'));
    events.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_lesson_is_whole() {
    let folders = std::fs::read_dir(root().join("lessons")).unwrap().map(|entry| entry.unwrap());
    let folders =
        folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let ids: BTreeSet<_> = glassbox::lessons::all().map(|lesson| lesson.id.to_string()).collect();
    assert_eq!(ids, folders.collect(), "a folder and a line in lessons/mod.rs for each lesson");
    let summary = read("book/src/SUMMARY.md");
    for lesson in glassbox::lessons::all() {
        let id = lesson.id;
        assert!(summary.contains(&format!("({id}.md)")), "{id}: no line in book/src/SUMMARY.md");
        assert!(MINUTES.contains(&lesson.minutes), "{id}: {} minutes", lesson.minutes);
        assert!(lesson.steps > 0 && !lesson.needs.is_empty(), "{id}: no steps, or nothing that it needs");
        let excess = lesson.lab.needs.iter().filter(|need| !lesson.needs.contains(need));
        none(excess.map(|need| format!("{id}: {need}")), "a lab needs more than its lesson");
        check_transcript(lesson);
    }
}

/// Whoever goes through the course from its beginning has seen what a lesson takes for granted. As each prerequisite
/// comes earlier, there is no circle; and what it implies is not said once more.
#[test]
fn a_lesson_builds_on_earlier_ones() {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Lesson { id, builds_on, .. } in glassbox::lessons::all() {
        assert_eq!(
            builds_on.is_empty(),
            all.is_empty(),
            "{id}: the first lesson builds on nothing, and only it"
        );
        let mut below = BTreeSet::new();
        for base in *builds_on {
            let further = all.get(base).unwrap_or_else(|| panic!("{id} builds on {base}: no earlier lesson"));
            below.extend(further);
        }
        let twice = builds_on.iter().filter(|base| below.contains(*base));
        none(twice.map(|base| format!("{id}: {base}")), "builds on it by way of another one");
        assert_eq!(BTreeSet::from_iter(*builds_on).len(), builds_on.len(), "{id} names one twice");
        below.extend(builds_on.iter());
        all.insert(id, below);
    }
}

/// What every lesson does for its learner, seen in what it says.
fn check_transcript(lesson: &Lesson) {
    let id = lesson.id;
    let events = transcript(lesson);
    let count = |events: &[Value], kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    let mut parts: Vec<&[Value]> = vec![];
    let begins = |event: &Value| event["event"] == "step";
    let starts: Vec<_> = (0..events.len()).filter(|at| begins(&events[*at])).chain([events.len()]).collect();
    parts.extend(starts.windows(2).map(|bounds| &events[bounds[0]..bounds[1]]));
    assert_eq!(parts.len(), lesson.steps, "{id}: `steps` in the table is not what the lesson does");
    for (at, part) in parts.iter().enumerate() {
        let lack = ["say", "pause", "why"].into_iter().filter(|kind| count(part, kind) == 0);
        none(lack.map(|kind| format!("{id}, step {}: no {kind}", at + 1)), "every step has one at least");
    }
    for kind in ["predict", "check"] {
        assert!(count(&events, kind) > 0, "{id}: no {kind}");
    }
    assert!(
        events.iter().any(is_failure),
        "{id}: no deliberate failure: a refused call, a killed process, or a program that fails"
    );
    for event in &events {
        let choices = event["choices"].as_array().cloned().unwrap_or_default();
        let wide = choices
            .iter()
            .filter_map(Value::as_str)
            .filter(|choice| unicode_width::UnicodeWidthStr::width(*choice) > CHOICE);
        none(wide.map(|choice| format!("{id}: {choice}")), "a choice has to fit into a narrow window");
    }
    for source in events.iter().flat_map(|event| event["sources"].as_array().cloned().unwrap_or_default()) {
        let url = source["url"].as_str().unwrap_or_default();
        assert!(is_address(url), "{id}: {} is at no address: {url}", source["name"]);
    }
}

/// Something that goes wrong on purpose.
fn is_failure(event: &Value) -> bool {
    let ended = |seen: &str| seen.starts_with("exited with ") && seen != "exited with 0";
    let failed = || event["seen"].as_str().is_some_and(|seen| seen.contains("SIGKILL") || ended(seen));
    match event["event"].as_str() {
        Some("call") => event["errno"].is_string(),
        Some("check") => failed(),
        kind => kind == Some("skip"),
    }
}
