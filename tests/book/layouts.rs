//! Where a lesson differs by the cgroup layout, its chapter has a switch; and where it does not, none.

use std::path::Path;

use glassbox::stage::Lesson;
use serde_json::Value;

use super::{built, source};

/// Those with a record, the one that readers have first.
const LAYOUTS: [&str; 3] = ["v2", "v1", "mixed"];

/// What is said on a layout, event by event, in each step.
fn steps(lesson: &Lesson, layout: &str) -> Option<Vec<Vec<Value>>> {
    let name = format!("tests/snapshots/transcripts__{}@root-{layout}.jsonl.snap", lesson.id);
    let snapshot = std::fs::read_to_string(source().with_file_name(Path::new(&name))).ok()?;
    let events = snapshot.lines().filter(|line| line.starts_with('{'));
    let mut steps: Vec<Vec<Value>> = vec![];
    for event in events.map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if event["event"] == "step" {
            steps.push(vec![]);
        }
        if let Some(step) = steps.last_mut() {
            step.push(event);
        }
    }
    Some(steps)
}

/// The records of a lesson, the one that the book shows first in front.
fn records(lesson: &Lesson) -> Vec<(&'static str, Vec<Vec<Value>>)> {
    LAYOUTS.into_iter().filter_map(|name| Some((name, steps(lesson, name)?))).collect()
}

/// Of each step the labels of its switch: layouts with the same events together. One label: no switch.
pub(super) fn switches(lesson: &Lesson) -> Vec<Vec<String>> {
    let records = records(lesson);
    let labels = |step: usize| {
        let mut groups: Vec<(&Vec<Value>, String)> = vec![];
        for (layout, steps) in &records {
            match groups.iter_mut().find(|(events, _)| *events == &steps[step]) {
                Some((_, label)) => *label += &format!(", {layout}"),
                None => groups.push((&steps[step], layout.to_string())),
            }
        }
        groups.into_iter().map(|(_, label)| label).collect()
    };
    (0..lesson.steps).map(labels).collect()
}

/// What is read in a step on this layout: every one of these is to be seen in its transcript.
pub(super) fn sources(lesson: &Lesson, layout: &str, step: usize) -> Vec<String> {
    let steps = steps(lesson, layout).unwrap();
    let checks = steps[step].iter().filter(|event| event["event"] == "check");
    checks.map(|check| check["source"].as_str().unwrap().into()).collect()
}

#[test]
fn a_lesson_with_a_controller_differs_and_one_without_does_not() {
    let differs = |id: &str| {
        let lesson = glassbox::lessons::find(id).unwrap();
        switches(lesson).iter().any(|labels| labels.len() > 1)
    };
    assert!(differs("memory"), "it is about control groups");
    assert!(!differs("pid"), "it is not");
}

/// A record that is older than its lesson would give the reader a choice that has nothing to do with layouts.
#[test]
fn only_control_groups_make_a_difference() {
    for lesson in glassbox::lessons::all() {
        let records = records(lesson);
        let (shown, others) = records.split_first().unwrap();
        for (layout, steps) in others {
            for (step, (here, there)) in shown.1.iter().zip(steps).enumerate() {
                let lacks = |events: &[Value], event: &Value| !events.contains(event);
                let mut differing = here.iter().filter(|event| lacks(there, event)).collect::<Vec<_>>();
                differing.extend(there.iter().filter(|event| lacks(here, event)));
                let of_groups = |event: &&Value| event.to_string().to_lowercase().contains("cgroup");
                assert!(
                    differing.is_empty() || differing.iter().any(of_groups),
                    "{}, step {}, is told otherwise with layout {layout}: record it anew\n{}",
                    lesson.id,
                    step + 1,
                    differing[0]
                );
            }
        }
    }
}

#[test]
fn without_scripts_the_first_layout_is_open_and_the_others_can_be_unfolded() {
    for lesson in glassbox::lessons::all() {
        let html = std::fs::read_to_string(built().join(format!("{}.html", lesson.id))).unwrap();
        for (step, labels) in switches(lesson).iter().enumerate() {
            let id = format!("id=\"transcript-{}-{}\"", lesson.id, step + 1);
            let (_, figure) = html.split_once(&id).unwrap_or_else(|| panic!("{}: no {id}", lesson.id));
            let figure = figure.split("</figure>").next().unwrap();
            let several = labels.len() > 1;
            assert_eq!(figure.matches("<pre").count(), labels.len(), "{id}");
            assert_eq!(figure.matches("<details").count(), labels.len() - 1, "{id}");
            assert_eq!(figure.contains("data-layouts"), several, "{id}");
            for label in labels.iter().filter(|_| several) {
                assert!(figure.contains(&format!("data-layouts=\"{label}\"")), "{id}: {label}");
            }
            let open = figure.split("<details").next().unwrap();
            assert_eq!(open.matches("<pre").count(), 1, "{id}: one is open");
        }
    }
}
