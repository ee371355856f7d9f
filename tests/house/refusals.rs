//! What the README says of refusals, held against the table of them.

use glassbox::machine::refusal::TABLE;

use crate::source::{none, read};

#[test]
fn the_readme_quotes_refusals_that_there_are() {
    let readme = read("README.md");
    let lines = readme.lines().skip_while(|line| *line != "| it says | do |").skip(2);
    let rows: Vec<_> =
        lines.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")).collect();
    assert!(rows.len() > 4, "the table is there: {rows:?}");
    let unknown = rows.iter().filter(|(says, hint)| {
        // After the quotation: where that happens, or that more follows.
        let sentence = says.split(" (").next().unwrap_or_default().trim_end_matches(" …");
        let hint = hint.trim_matches('`');
        !TABLE.iter().any(|row| row.why.contains(sentence) && row.hint.contains(hint))
    });
    none(unknown.map(|row| format!("{row:?}")), "no row of machine::refusal::TABLE has both");
}
