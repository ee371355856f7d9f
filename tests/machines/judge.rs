//! Whether a cell is as it should be: every lesson passes or is skipped with a reason that was foreseen, the suites
//! pass, nothing is left behind.

use std::fs;
use std::path::Path;

use super::Chosen;
use super::common::outcome::{Outcome, Skip, misjudged, outcomes};
use super::common::{GLASSBOX, Ran};
use super::words;

/// What came of a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) passed: Vec<String>,
    /// Lessons that cannot run, and why.
    pub(crate) skipped: Vec<(String, Skip)>,
    /// Parts of lessons that cannot run.
    pub(crate) parts: Vec<(String, Skip)>,
    pub(crate) failures: Vec<String>,
    /// How long everything took.
    pub(crate) seconds: u32,
}

impl Row {
    /// Of a machine that did not even boot.
    pub(crate) fn failed(why: String) -> Self {
        Self { failures: vec![why], ..Self::default() }
    }
}

/// Read what a command of guest/cell.sh left. What depends on where the project is, on how often somebody has logged
/// in, or on the latest update of a kernel has a name instead.
fn read(results: &Path, name: &str) -> Ran {
    let text = |name: &str| {
        let bytes = fs::read(results.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let release = text("release");
    let release = release.trim();
    let series = release.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let file = |kind: &str| {
        let text = text(&format!("{name}.{kind}"));
        let text = if release.is_empty() { text } else { text.replace(release, &series) };
        without_number_of_session(&text.replace(GLASSBOX, "/usr/local/bin/glassbox"))
    };
    Ran { code: file("code").trim().parse().ok(), out: file("out"), err: file("err") }
}

/// `session-c3.scope` becomes `session-1.scope`.
fn without_number_of_session(text: &str) -> String {
    let mut parts = text.split("session-c");
    let first = parts.next().unwrap_or_default().to_string();
    let rest = |part: &str| part.trim_start_matches(|sign: char| sign.is_ascii_digit()).to_string();
    parts.fold(first, |text, part| format!("{text}session-1{}", rest(part)))
}

pub(crate) fn judge(chosen: &Chosen, results: &Path) -> Row {
    let lessons = chosen.lessons();
    let (doctor, learn) = (read(results, "doctor"), read(results, "learn"));
    let seconds = fs::read_to_string(results.join("seconds")).unwrap_or_default();
    let mut row = Row { seconds: seconds.trim().parse().unwrap_or_default(), ..Row::default() };
    for (lesson, Outcome { failures, skips, passed }) in outcomes(&learn) {
        row.failures.extend(failures.iter().map(|failure| format!("{lesson}: {failure}")));
        let parts = skips.into_iter().map(|skip| (lesson.clone(), skip));
        if passed == 0 {
            row.skipped.extend(parts);
        } else {
            row.parts.extend(parts);
            row.passed.push(lesson);
        }
    }
    if learn.code != Some(0) {
        row.failures.push(format!("learn: exit code {:?}: {}", learn.code, learn.err));
    }
    row.failures.extend(misjudged(&lessons, &doctor, &learn, |lesson| {
        read(results, &format!("regardless.{lesson}"))
    }));
    for suite in chosen.suites() {
        let ran = read(results, suite);
        if ran.code != Some(0) {
            row.failures.push(format!("the suite {suite}: {ran}"));
        }
    }
    match fs::read_to_string(results.join("leftovers")) {
        Ok(left) if left.is_empty() => keep_snapshots(results),
        Ok(left) => row.failures.push(format!("this is left on the machine:\n{left}")),
        Err(error) => row.failures.push(format!("the cell did not end: {error}")),
    }
    if !row.failures.is_empty() {
        let console = fs::read_to_string(results.with_file_name("console")).unwrap_or_default();
        row.failures.push(format!("the console of all cells on this machine:\n{console}"));
    }
    if row.failures.is_empty() {
        let said = words::said(&row, |name| read(results, name));
        if std::panic::catch_unwind(|| words::hold(chosen, &said)).is_err() {
            row.failures.push(format!("what it says is not its snapshot:\n{}", words::text(&said)));
        }
    }
    row
}

/// Transcripts that the cell has accepted, if it was told to.
fn keep_snapshots(results: &Path) {
    for snapshot in fs::read_dir(results.join("snapshots")).into_iter().flatten().flatten() {
        let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(snapshot.file_name());
        fs::copy(snapshot.path(), to).unwrap();
    }
}
