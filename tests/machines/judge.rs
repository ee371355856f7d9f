//! Whether a cell is as it should be: every lesson passes or is skipped with a reason that was foreseen, the suites
//! pass, nothing is left behind.

use std::fs;
use std::path::Path;

use super::cells::{Cell, Machine};
use super::common::outcome::{Outcome, Skip, misjudged, outcomes};
use super::common::{GLASSBOX, Ran};

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

pub(crate) fn judge(machine: &Machine, cell: &Cell, results: &Path) -> Row {
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
        row.failures.push(format!("learn --all: exit code {:?}: {}", learn.code, learn.err));
    }
    row.failures.extend(misjudged(&doctor, &learn, |lesson| read(results, &format!("regardless.{lesson}"))));
    let suites: &[&str] =
        if cell.thorough { &["labs", "no_trace", "transcripts"] } else { &["labs", "no_trace"] };
    for suite in suites {
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
        let words = words(&row, results);
        if std::panic::catch_unwind(|| hold_words(&machine.cell_slug(cell), &words)).is_err() {
            row.failures.push(format!("what it says is not its snapshot:\n{words}"));
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

/// What somebody reads on this machine who wants a lesson that cannot run there.
fn words(row: &Row, results: &Path) -> String {
    let parts = row
        .parts
        .iter()
        .map(|(lesson, Skip { what, why, hint })| format!("{lesson}, without {what}\n{why}\nhint: {hint}\n"));
    let mut said: Vec<(String, Vec<&str>)> = vec![];
    for (lesson, _) in &row.skipped {
        for (command, name) in [("learn", "refused"), ("lab start", "lab")] {
            let Ran { code, out, err } = read(results, &format!("{name}.{lesson}"));
            let code = code.map_or("a signal".into(), |code| code.to_string());
            let out = if code == "0" { String::new() } else { out };
            let text = format!("$ glassbox {command} LESSON\n{out}{err}exit code {code}\n");
            let text = text.replace(&format!("lesson {lesson} "), "lesson LESSON ");
            let text = text.replace(&format!("lab {lesson} "), "lab LESSON ");
            match said.iter_mut().find(|(other, _)| *other == text) {
                Some((_, lessons)) => lessons.push(lesson),
                None => said.push((text, vec![lesson])),
            }
        }
    }
    let refused = said.into_iter().map(|(text, lessons)| format!("{}\n{text}", lessons.join(", ")));
    let blocks: Vec<String> = parts.chain(refused).collect();
    if blocks.is_empty() { "every lesson passes\n".into() } else { blocks.join("\n") }
}

/// The snapshot of a cell. Scopes of systemd have a number in their names.
fn hold_words(slug: &str, words: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("machines__{slug}"), words));
}
