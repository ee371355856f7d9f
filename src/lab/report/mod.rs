//! What a student has achieved: one model, and the formats that the software of courses reads.

mod csv;
mod gradescope;
mod junit;

use serde::Serialize;

use super::{Item, Kind, Record};

/// The labs of one student.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which shape this has.
    pub version: u32,
    /// When it was made, as RFC 3339 has it, in UTC.
    pub time: String,
    /// A name or a number, as the course has it.
    pub student: Option<String>,
    /// How many labs were passed.
    pub score: usize,
    /// How many there are in this report.
    pub max_score: usize,
    /// In the order of the lessons.
    pub labs: Vec<Marked>,
}

impl Report {
    /// Of these labs.
    pub fn new(time: String, student: Option<String>, labs: Vec<Marked>) -> Self {
        let score = labs.iter().map(Marked::score).sum();
        Self { version: 1, time, student, score, max_score: labs.len(), labs }
    }

    /// As JSON, with every claim.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// A line for each lab, for a table of marks: RFC 4180.
    /// <https://www.rfc-editor.org/rfc/rfc4180>
    pub fn csv(&self) -> String {
        csv::write(self)
    }

    /// For Jenkins, GitLab and the like: a suite for each lab, a case for each claim.
    /// <https://github.com/windyroad/JUnit-Schema>
    pub fn junit(&self) -> String {
        junit::write(self)
    }

    /// The `results.json` of a Gradescope autograder.
    /// <https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format>
    pub fn gradescope(&self) -> serde_json::Result<String> {
        gradescope::write(self)
    }
}

/// How far a lab has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was never started.
    NotStarted,
    /// A claim does not hold, or it was never checked.
    Failed,
    /// All claims hold, or held when it was checked.
    Passed,
    /// The reference solution was used: that is not the student's work.
    Solved,
    /// What is kept of it cannot be read.
    Damaged,
}

impl State {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            State::NotStarted => "not started",
            State::Failed => "failed",
            State::Passed => "passed",
            State::Solved => "solved by the reference",
            State::Damaged => "damaged",
        }
    }
}

/// A lab, marked.
#[derive(Debug, Serialize)]
pub struct Marked {
    /// The lesson that it belongs to.
    pub lab: String,
    /// The assignment in a few words.
    pub title: String,
    /// What it asks for: `do`, `find` or `fix`.
    pub kind: String,
    /// How far it has come.
    pub state: State,
    /// How often it was checked.
    pub checks: usize,
    /// How many hints were taken.
    pub hints: usize,
    /// What was seen the last time.
    pub claims: Vec<Item>,
}

impl Marked {
    /// A lab of which nothing, or nothing legible, is kept.
    pub fn without(lab: &str, title: &str, kind: Kind, state: State) -> Self {
        let (lab, title, kind) = (lab.into(), title.into(), kind.to_string());
        Self { lab, title, kind, state, checks: 0, hints: 0, claims: vec![] }
    }

    /// A lab that was started.
    pub fn of(record: &Record, title: &str, kind: Kind) -> Self {
        let state = match record {
            Record { passed: false, .. } => State::Failed,
            Record { solved_for_me: true, .. } => State::Solved,
            _ => State::Passed,
        };
        Self {
            checks: record.checks,
            hints: record.hints.values().sum(),
            claims: record.claims.clone(),
            ..Self::without(&record.lab, title, kind, state)
        }
    }

    /// What it is worth: all or nothing.
    pub fn score(&self) -> usize {
        usize::from(self.state == State::Passed)
    }

    /// The claims in lines, as a student reads them.
    fn explained(&self) -> String {
        let mut lines = vec![self.state.name().to_string()];
        for Item { claim, passed, seen, source, mistake, .. } in &self.claims {
            let mark = if *passed { "✔" } else { "✘" };
            lines.push(format!("{mark} {claim}: saw {seen} in {source}"));
            lines.extend(mistake.clone());
        }
        lines.join("\n")
    }
}
