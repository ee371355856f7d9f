//! What works where: the matrix as it is printed, and the table of the README, which is made from it.

use std::fs;

use super::Chosen;
use super::cells::Who;
use super::judge::Row;

type Rows = [(Chosen, Row)];

/// A row for each cell.
pub(crate) fn matrix(rows: &Rows) -> String {
    let width = rows.iter().map(|(cell, _)| cell.name().len()).max().unwrap_or_default();
    let mut text = format!("{:width$}  passed  skipped  failed  seconds\n", "");
    for (cell, row) in rows {
        let failed = usize::from(!row.failures.is_empty());
        let (passed, skipped) = (row.passed.len(), row.skipped.len());
        text.push_str(&format!(
            "{:width$}  {passed:6}  {skipped:7}  {failed:6}  {:7}",
            cell.name(),
            row.seconds
        ));
        for (lesson, skip) in &row.skipped {
            text.push_str(&format!("\n{:width$}    {lesson}: {}", "", skip.why));
        }
        for (lesson, skip) in &row.parts {
            text.push_str(&format!("\n{:width$}    {lesson}, {}: {}", "", skip.what, skip.why));
        }
        text.push('\n');
    }
    text
}

const BEGIN: &str = "<!-- what works where: made by `INSTA_UPDATE=always cargo test --test machines` -->\n";
const END: &str = "<!-- the end of what works where -->\n";

/// The README has the table that these rows make.
pub(crate) fn hold(rows: &Rows) {
    let failed: Vec<_> = rows.iter().filter(|(.., row)| !row.failures.is_empty()).collect();
    assert!(failed.is_empty(), "{} cells have failed: nobody can say what works", failed.len());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a place for the table");
    let (there, after) = rest.split_once(END).expect("the table of the README ends");
    let table = what_works_where(rows);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        return fs::write(file, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    }
    assert_eq!(there, table, "the README's table is not what was found");
}

/// Machines on which the same holds share a line. What is left out wherever anything works stands before them.
fn what_works_where(rows: &Rows) -> String {
    let nowhere = left_out_by_all(rows, |_| true, &[]);
    let to_root = left_out_by_all(rows, |who| who != Who::Root, &nowhere);
    let mut lines: Vec<(String, String, Vec<&str>)> = vec![];
    for (Chosen { machine, cell, .. }, row) in rows {
        let who = match cell.says {
            "" => cell.who.name().to_string(),
            says => format!("{}, {says}", short(cell.who)),
        };
        let is_told = |(what, _): &(String, &str)| {
            let told = |list: &[(String, &str)]| list.iter().any(|(other, _)| other == what);
            !told(&nowhere) && (cell.who == Who::Root || !told(&to_root))
        };
        let outcome = say(reasons(row).filter(is_told), row.passed.is_empty());
        match lines.iter_mut().find(|(other, same, _)| *other == who && *same == outcome) {
            Some((.., machines)) => machines.push(machine.name),
            None => lines.push((who, outcome, vec![machine.name])),
        }
    }
    let mut text = String::new();
    let lists = [(nowhere, "Nowhere here"), (to_root, "For root alone")];
    for (list, whose) in lists.into_iter().filter(|(list, _)| !list.is_empty()) {
        text.push_str(&format!("{whose} – {}.\n\n", say(list.into_iter(), false)));
    }
    text.push_str("| who | where | what is skipped, and why |\n| --- | --- | --- |\n");
    for (who, outcome, machines) in lines {
        text.push_str(&format!("| {who} | {} | {outcome} |\n", machines.join("; ")));
    }
    text
}

fn short(who: Who) -> &'static str {
    if who == Who::Root { "root" } else { "user" }
}

/// The reason without what only whoever has that machine before him wants to know.
fn in_short(why: &str) -> &str {
    let end = [": ", " ("].iter().filter_map(|sign| why.find(sign)).min();
    &why[..end.unwrap_or(why.len())]
}

/// A lesson, or a part of one, that is left out, and why.
fn reasons(row: &Row) -> impl Iterator<Item = (String, &str)> {
    let whole = row.skipped.iter().map(|(lesson, skip)| (format!("`{lesson}`"), skip));
    let parts = row.parts.iter().map(|(lesson, skip)| (format!("in `{lesson}` {}", skip.what), skip));
    whole.chain(parts).map(|(what, skip)| (what, in_short(&skip.why)))
}

/// What all of these leave out where anything works at all, for whatever reason; the reason of most of them.
fn left_out_by_all<'a>(
    rows: &'a Rows,
    of: impl Fn(Who) -> bool,
    but: &[(String, &str)],
) -> Vec<(String, &'a str)> {
    let working = rows.iter().filter(|(chosen, row)| of(chosen.cell.who) && !row.passed.is_empty());
    let all: Vec<Vec<(String, &str)>> = working.map(|(.., row)| reasons(row).collect()).collect();
    let why = |what: &str| {
        // With a lesson its parts are left out.
        let is_it = |other: &str| other == what || what.starts_with(&format!("in {other} "));
        let whys: Option<Vec<&str>> =
            all.iter().map(|row| row.iter().find(|(other, _)| is_it(other)).map(|(_, why)| *why)).collect();
        let whys = whys?;
        whys.iter().max_by_key(|why| whys.iter().filter(|other| other == why).count()).copied()
    };
    let first = all.first().into_iter().flatten().map(|(what, _)| what);
    let others = first.filter(|what| !but.iter().any(|(other, _)| other == *what));
    others.filter_map(|what| Some((what.clone(), why(what)?))).collect()
}

/// Those with the same reason together.
fn say<'a>(left_out: impl Iterator<Item = (String, &'a str)>, is_all: bool) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = vec![];
    for (what, why) in left_out {
        match reasons.iter_mut().find(|(other, _)| *other == why) {
            Some((_, all)) => all.push(what),
            None => reasons.push((why, vec![what])),
        }
    }
    let what = |what: Vec<String>| if is_all { "everything".into() } else { what.join(", ") };
    let said: Vec<String> = reasons.into_iter().map(|(why, all)| format!("{}: {why}", what(all))).collect();
    if said.is_empty() { "nothing".into() } else { said.join("; ") }
}
