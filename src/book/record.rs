//! A recorded run of a lesson: the snapshot that the tests hold the lesson against, so that the book shows what
//! the lesson does.

use anyhow::{Context, Result, ensure};

use super::preprocessor::Shelf;
use crate::event::{Body, Event};
use crate::present::{Line, Renderer};

/// As wide as the text of a page.
const WIDTH: usize = 78;

/// The cgroup layouts with which root recorded runs; the one that readers have is the first.
const LAYOUTS: [&str; 3] = ["v2", "v1", "mixed"];

pub(super) struct Record {
    pub(super) layout: &'static str,
    pub(super) events: Vec<Event>,
}

/// The records of this lesson, one at least.
pub(super) fn records(shelf: &Shelf, lesson: &str) -> Result<Vec<Record>> {
    let mut records = vec![];
    for layout in LAYOUTS {
        let path = format!("tests/snapshots/transcripts__{lesson}@root-{layout}.jsonl.snap");
        if shelf.has(&path) {
            let events = events(&shelf.source(&path)?).with_context(|| path)?;
            records.push(Record { layout, events });
        }
    }
    ensure!(
        !records.is_empty(),
        "the lesson {lesson:?} has no record: no tests/snapshots/transcripts__{lesson}@root-*.jsonl.snap"
    );
    Ok(records)
}

fn events(snapshot: &str) -> Result<Vec<Event>> {
    // What insta notes about a snapshot is in front, between two lines of dashes.
    let (_, lines) = snapshot
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .context("it is not a snapshot")?;
    let events = lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).with_context(|| line.to_string()))
        .collect::<Result<Vec<Event>>>()?;
    for Event { body, .. } in &events {
        let failed =
            matches!(body, Body::Failed { .. }) || matches!(body, Body::Check(check) if !check.passed);
        ensure!(!failed, "it is the record of a run that failed");
    }
    Ok(events)
}

impl Record {
    /// How many steps it has.
    pub(super) fn count(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.body, Body::Step { .. })).count()
    }

    /// The lines of each step. Lanes keep their colours from step to step, so all are laid out in one go.
    pub(super) fn steps(&self, wanted: impl Fn(&Body) -> bool) -> Vec<Vec<Line>> {
        let mut renderer = Renderer::new();
        let mut steps: Vec<Vec<Line>> = vec![];
        for event in &self.events {
            let lines = renderer.lines(event, WIDTH);
            if matches!(event.body, Body::Step { .. }) {
                steps.push(vec![]);
            }
            if let Some(step) = steps.last_mut()
                && wanted(&event.body)
            {
                step.extend(lines);
            }
        }
        for step in &mut steps {
            let blank = step.iter().take_while(|line| line.text().is_empty()).count();
            step.drain(..blank);
        }
        steps
    }
}
