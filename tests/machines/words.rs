//! What somebody reads on a machine who wants a lesson that cannot run there: each cell has its snapshot.

use std::fs;

use super::Chosen;
use super::cells::Extent;
use super::common::Ran;
use super::common::outcome::Skip;
use super::judge::Row;

/// The same words, and the lessons that they are said of. A part of a lesson is its name and what is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    of: Vec<String>,
    words: String,
}

/// What begins the name of a part.
const WITHOUT: &str = "without ";

/// All that is said in a cell; `read` gives what a command of guest/cell.sh left.
pub(crate) fn said(row: &Row, read: impl Fn(&str) -> Ran) -> Vec<Said> {
    let part = |(lesson, Skip { what, why, hint }): &(String, Skip)| Said {
        of: vec![lesson.clone(), format!("{WITHOUT}{what}")],
        words: format!("{why}\nhint: {hint}\n"),
    };
    let mut refused: Vec<Said> = vec![];
    for (lesson, _) in &row.skipped {
        for (command, name) in [("learn", "refused"), ("lab start", "lab")] {
            let Ran { code, out, err } = read(&format!("{name}.{lesson}"));
            let code = code.map_or("a signal".into(), |code| code.to_string());
            let out = if code == "0" { String::new() } else { out };
            let words = format!("$ glassbox {command} LESSON\n{out}{err}exit code {code}\n");
            let words = words.replace(&format!("lesson {lesson} "), "lesson LESSON ");
            let words = words.replace(&format!("lab {lesson} "), "lab LESSON ");
            match refused.iter_mut().find(|other| other.words == words) {
                Some(other) => other.of.push(lesson.clone()),
                None => refused.push(Said { of: vec![lesson.clone()], words }),
            }
        }
    }
    row.parts.iter().map(part).chain(refused).collect()
}

/// As the snapshot has it.
pub(crate) fn text(said: &[Said]) -> String {
    let blocks: Vec<String> =
        said.iter().map(|said| format!("{}\n{}", said.of.join(", "), said.words)).collect();
    if blocks.is_empty() { "every lesson passes\n".into() } else { blocks.join("\n") }
}

/// The snapshot of a cell says the same; where only some lessons were tried, of those.
pub(crate) fn hold(chosen: &Chosen, said: &[Said]) {
    let name = format!("machines__{}", chosen.slug());
    if chosen.extent == Extent::Sample {
        let file = format!("{}/tests/snapshots/{name}.snap", env!("CARGO_MANIFEST_DIR"));
        let mut known = of_lessons(parse(&fs::read_to_string(file).unwrap()), &chosen.lessons());
        let mut said = said.to_vec();
        known.sort();
        said.sort();
        return assert_eq!(text(&said), text(&known));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text(said)));
}

/// What a snapshot says.
fn parse(snapshot: &str) -> Vec<Said> {
    let text = snapshot.splitn(3, "---\n").nth(2).unwrap_or_default();
    let blocks = text.trim_end().split("\n\n").filter_map(|block| block.split_once('\n'));
    blocks
        .map(|(of, words)| Said {
            of: of.split(", ").map(str::to_string).collect(),
            words: format!("{words}\n"),
        })
        .collect()
}

/// The same of some lessons only.
fn of_lessons(said: Vec<Said>, lessons: &[&str]) -> Vec<Said> {
    let is_meant = |name: &String| lessons.contains(&name.as_str());
    let only = |Said { of, words }: Said| {
        let is_part = of.iter().any(|name| name.starts_with(WITHOUT));
        let of = if is_part && of.first().is_some_and(is_meant) {
            of
        } else {
            of.into_iter().filter(is_meant).collect()
        };
        Said { of, words }
    };
    said.into_iter().map(only).filter(|said| !said.of.is_empty()).collect()
}
