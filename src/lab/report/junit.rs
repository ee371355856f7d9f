//! A suite for each lab, a case for each claim.

use super::{Marked, Report, State};
use crate::lab::Item;

pub(super) fn write(report: &Report) -> String {
    let suites: String = report.labs.iter().enumerate().map(|(id, lab)| suite(id, lab, report)).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(id: usize, lab: &Marked, report: &Report) -> String {
    let cases: Vec<Case> = cases(lab);
    let count = |what: fn(&Case) -> bool| cases.iter().filter(|case| what(case)).count();
    let failures = count(|case| matches!(case.outcome, Outcome::Failed { .. }));
    let errors = count(|case| matches!(case.outcome, Outcome::Error(_)));
    let skipped = count(|case| matches!(case.outcome, Outcome::Skipped));
    let name = escaped(&lab.lab);
    let student = report.student.as_deref().map_or(String::new(), |student| {
        format!("      <property name=\"student\" value=\"{}\"/>\n", escaped(student))
    });
    let body: String = cases.iter().map(|case| case.xml(&name)).collect();
    format!(
        "  <testsuite id=\"{id}\" package=\"glassbox\" name=\"{name}\" timestamp=\"{}\" hostname=\"localhost\" \
         tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"0\">\n    <properties>\n{student}    \
         </properties>\n{body}    <system-out>{}</system-out>\n    <system-err></system-err>\n  </testsuite>\n",
        report.time.trim_end_matches('Z'),
        cases.len(),
        escaped(&lab.title),
    )
}

struct Case {
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Failed { message: String, detail: String },
    Error(String),
    Skipped,
}

/// Those of a lab; one in their place where nothing was checked.
fn cases(lab: &Marked) -> Vec<Case> {
    let whole = |outcome| vec![Case { name: lab.title.clone(), outcome }];
    let failed = |message: &str| Outcome::Failed { message: message.into(), detail: String::new() };
    match lab.state {
        State::NotStarted => whole(Outcome::Skipped),
        State::Damaged => whole(Outcome::Error("the record is damaged".into())),
        State::Solved => whole(failed("the reference solution was used")),
        State::Passed => whole_or(lab, Outcome::Passed),
        State::Failed => whole_or(lab, failed("it was never checked")),
    }
}

fn whole_or(lab: &Marked, outcome: Outcome) -> Vec<Case> {
    if lab.claims.is_empty() {
        return vec![Case { name: lab.title.clone(), outcome }];
    }
    // What was passed once stays passed, whatever became of the scene.
    let stays = lab.state == State::Passed;
    lab.claims.iter().map(|item| Case { name: item.claim.clone(), outcome: of_claim(item, stays) }).collect()
}

fn of_claim(item: &Item, stays: bool) -> Outcome {
    if item.passed || stays {
        return Outcome::Passed;
    }
    let message = item.mistake.clone().unwrap_or_else(|| "it does not hold".into());
    Outcome::Failed { message, detail: format!("saw {} in {}", item.seen, item.source) }
}

impl Case {
    fn xml(&self, lab: &str) -> String {
        let inner = match &self.outcome {
            Outcome::Passed => String::new(),
            Outcome::Skipped => "<skipped/>".into(),
            Outcome::Error(message) => {
                format!("<error type=\"record\" message=\"{}\"></error>", escaped(message))
            }
            Outcome::Failed { message, detail } => {
                let (message, detail) = (escaped(message), escaped(detail));
                format!("<failure type=\"claim\" message=\"{message}\">{detail}</failure>")
            }
        };
        let name = escaped(&self.name);
        format!("    <testcase classname=\"glassbox.{lab}\" name=\"{name}\" time=\"0\">{inner}</testcase>\n")
    }
}

/// As XML 1.0 wants it, which has no way at all to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // As they are, an attribute would have spaces in their place.
            '\n' | '\r' | '\t' => escaped += &format!("&#{};", u32::from(sign)),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            sign if sign.is_control() => escaped.push('\u{fffd}'),
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_inside_of_its_mark() {
        assert_eq!(escaped("a < b & \"c\"\n\u{1b}"), "a &lt; b &amp; &quot;c&quot;&#10;\u{fffd}");
    }
}
