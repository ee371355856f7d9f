//! The chapter on the event stream holds every event and every field that there is.

use std::collections::BTreeSet;

use glassbox::event::{Bar, Body, Call, Check, Event, Row, SCHEMA_VERSION, Source};
use serde_json::Value;

fn text() -> String {
    "text".into()
}

/// One of each. When an event is added, the compiler asks for it in `listed`.
fn one_of_each() -> Vec<Body> {
    let call = Call {
        name: text(),
        args: text(),
        result: text(),
        errno: Some(text()),
        micros: 1,
        backstage: true,
        varies: true,
    };
    let row = Row {
        what: text(),
        source: text(),
        before: None,
        after: None,
        note: text(),
        elsewhere: Some(text()),
        before_varies: true,
        after_varies: true,
    };
    let check =
        Check { claim: text(), expected: text(), seen: text(), source: text(), passed: true, varies: true };
    let source = Source { name: text(), url: text() };
    let bar = Bar { what: text(), value: Some(1.0) };
    vec![
        Body::Lesson { id: text(), title: text(), minutes: 1, steps: 1 },
        Body::Lane { name: text() },
        Body::Step { number: 1, title: text() },
        Body::Say { text: text() },
        Body::Predict { question: text(), choices: vec![] },
        Body::Reveal { question: text(), observed: text(), predicted: None, why: text() },
        Body::Call(call),
        Body::State { title: text(), columns: [text(), text()], rows: vec![row] },
        Body::Check(check),
        Body::Measure { what: text(), value: text(), source: text() },
        Body::Gauge { label: text(), value: 1, max: 1, unit: text() },
        Body::Chart { title: text(), unit: text(), source: text(), bars: vec![bar] },
        Body::Output { program: text(), text: text() },
        Body::TryIt { command: text(), shows: text() },
        Body::Why { text: text(), sources: vec![source] },
        Body::Pause { number: 1, reason: text() },
        Body::Skip { what: text(), why: text(), hint: text() },
        Body::Failed { error: text(), hint: text() },
        Body::Finish { passed: 1, failed: 1, skipped: 1 },
    ]
}

/// Its place in the list above.
fn listed(body: &Body) -> usize {
    match body {
        Body::Lesson { .. } => 0,
        Body::Lane { .. } => 1,
        Body::Step { .. } => 2,
        Body::Say { .. } => 3,
        Body::Predict { .. } => 4,
        Body::Reveal { .. } => 5,
        Body::Call(_) => 6,
        Body::State { .. } => 7,
        Body::Check(_) => 8,
        Body::Measure { .. } => 9,
        Body::Gauge { .. } => 10,
        Body::Chart { .. } => 11,
        Body::Output { .. } => 12,
        Body::TryIt { .. } => 13,
        Body::Why { .. } => 14,
        Body::Pause { .. } => 15,
        Body::Skip { .. } => 16,
        Body::Failed { .. } => 17,
        Body::Finish { .. } => 18,
    }
}

fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            into.insert(key.clone());
            keys(value, into);
        }),
        Value::Array(array) => array.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

/// The fields that a section's tables describe: the first cell of each row, in backticks.
fn described(section: &str) -> BTreeSet<String> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .map(str::to_string)
        .collect()
}

#[test]
fn the_chapter_describes_every_field_and_no_other() {
    let chapter = std::fs::read_to_string(super::source().join("src/events.md")).unwrap();
    let version = format!("`\"v\":{SCHEMA_VERSION}`");
    assert!(chapter.contains(&version), "the chapter does not say {version}");
    let common: BTreeSet<String> = ["v", "lane", "pid", "aside", "event"].map(String::from).into();
    let (introduction, _) = chapter.split_once("\n## ").unwrap();
    assert_eq!(described(introduction), common, "in every event");

    let mut sections = 0;
    for (index, body) in one_of_each().into_iter().enumerate() {
        assert_eq!(listed(&body), index);
        let event = Event { v: SCHEMA_VERSION, lane: text(), pid: 1, aside: true, body };
        let json = serde_json::to_value(event).unwrap();
        let name = json["event"].as_str().unwrap().to_string();
        let mut fields = BTreeSet::new();
        keys(&json, &mut fields);
        let heading = format!("### `{name}`\n");
        let (_, section) = chapter.split_once(&heading).unwrap_or_else(|| panic!("no section {heading}"));
        let section = section.split("\n#").next().unwrap();
        assert_eq!(described(section), &fields - &common, "fields of {name}");
        sections += 1;
    }
    assert_eq!(chapter.matches("### `").count(), sections, "a section is about no event");
}
