//! What came of the lessons on some machine, and whether doctor had foreseen it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Ran, events, text};

/// Why something was left out, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) hint: String,
}

/// What came of a lesson.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    /// Claims that do not hold, and everything else that went wrong.
    pub(crate) failures: Vec<String>,
    /// Parts that were left out, or the whole lesson.
    pub(crate) skips: Vec<Skip>,
}

impl Outcome {
    /// Whether the lesson as a whole was left out.
    pub(crate) fn skipped(&self) -> Option<&Skip> {
        self.skips.first().filter(|_| self.passed == 0 && self.failures.is_empty())
    }
}

/// Of each lesson, by what `learn --all --auto --format jsonl` wrote.
pub(crate) fn outcomes(learn: &Ran) -> BTreeMap<String, Outcome> {
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut lesson = String::new();
    for event in events(&learn.out) {
        if event["event"] == "lesson" {
            lesson = text(&event["id"]);
        }
        let outcome = outcomes.entry(lesson.clone()).or_default();
        match text(&event["event"]).as_str() {
            "check" if event["passed"] == false => {
                outcome.failures.push(format!("{}: saw {}", text(&event["claim"]), text(&event["seen"])));
            }
            "failed" => outcome.failures.push(text(&event["error"])),
            "skip" => outcome.skips.push(Skip {
                what: text(&event["what"]),
                why: text(&event["why"]),
                hint: text(&event["hint"]),
            }),
            "finish" => outcome.passed = event["passed"].as_u64().unwrap_or_default(),
            _ => {}
        }
    }
    outcomes
}

/// What is wrong with doctor's verdicts: they have to be what then happens with these lessons. `regardless` tells what
/// became of one that is said not to run here and was performed all the same.
pub(crate) fn misjudged(
    lessons: &[&str],
    doctor: &Ran,
    learn: &Ran,
    mut regardless: impl FnMut(&str) -> Ran,
) -> Vec<String> {
    let report: Value = serde_json::from_str(&doctor.out).unwrap_or_default();
    let outcomes = outcomes(learn);
    let mut wrong = vec![];
    let verdicts = report["lessons"].as_array().cloned().unwrap_or_default();
    if doctor.code != Some(0) || verdicts.len() != super::lessons().len() {
        wrong.push(format!("doctor says nothing of use: {doctor}"));
    }
    if outcomes.len() != lessons.len() {
        wrong.push(format!("not every lesson was tried: {:?}", outcomes.keys()));
    }
    for verdict in verdicts {
        let lesson = text(&verdict["lesson"]);
        let Some(outcome) = outcomes.get(&lesson) else { continue };
        let skipped = outcome.skipped();
        if verdict["verdict"] != "cannot" {
            if skipped.is_some() || outcome.passed == 0 || !outcome.failures.is_empty() {
                wrong.push(format!("doctor says that {lesson} runs, and then: {outcome:?}"));
            }
            continue;
        }
        if skipped.map(|skip| (&*skip.why, &*skip.hint))
            != verdict["why"].as_str().zip(verdict["hint"].as_str())
        {
            wrong.push(format!("doctor says that {lesson} cannot run: {verdict}, and then: {outcome:?}"));
        }
        let performed = regardless(&lesson);
        if performed.code != Some(1) {
            wrong.push(format!(
                "doctor says that {lesson} cannot run, and performed all the same it ends so: {performed}"
            ));
        }
    }
    wrong
}
