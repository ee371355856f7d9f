//! The `results.json` of a Gradescope autograder.

use serde_json::{Value, json};

use super::{Marked, Report, State};

pub(super) fn write(report: &Report) -> serde_json::Result<String> {
    let tests: Vec<Value> = report.labs.iter().enumerate().map(|(at, lab)| test(at + 1, lab)).collect();
    serde_json::to_string_pretty(&json!({
        "output": format!("{} of {} labs passed", report.score, report.max_score),
        "output_format": "text",
        "visibility": "visible",
        "tests": tests,
        "extra_data": { "student": report.student },
    }))
}

fn test(number: usize, lab: &Marked) -> Value {
    json!({
        "name": format!("{}: {}", lab.lab, lab.title),
        "name_format": "text",
        "number": number.to_string(),
        "score": lab.score(),
        "max_score": 1,
        "status": if lab.state == State::Passed { "passed" } else { "failed" },
        "output": lab.explained(),
        "output_format": "text",
        "tags": [lab.kind],
        "visibility": "visible",
        "extra_data": { "checks": lab.checks, "hints": lab.hints },
    })
}
