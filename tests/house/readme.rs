//! The README's table of the lessons, made from the one list of them.

use glassbox::lessons::{self, Part};

use super::source::read;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- the lessons: made by `INSTA_UPDATE=always cargo test --test house` -->\n";
const END: &str = "<!-- the end of the lessons -->\n";

#[test]
fn the_readme_has_every_lesson() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a place for the lessons");
    let (there, after) = rest.split_once(END).expect("the lessons of the README end");
    let table = table();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        return std::fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    }
    assert_eq!(there, table, "the README's lessons are not those that there are");
}

/// A row for each part, each lesson with its chapter behind it.
fn table() -> String {
    let row = |part: &Part| {
        let lessons = part.lessons.iter().map(|lesson| format!("[`{0}`](book/src/{0}.md)", lesson.id));
        let lessons: Vec<String> = lessons.collect();
        format!("| {} | {} | {} min |\n", part.title, lessons.join(", "), part.minutes())
    };
    let (count, minutes) = (lessons::all().count(), lessons::minutes());
    let rows: String = lessons::PARTS.iter().map(row).collect();
    format!(
        "{count} lessons, {} hours and {} minutes in all.\n\n| part | lessons | |\n| --- | --- | --- |\n{rows}",
        minutes / 60,
        minutes % 60
    )
}
