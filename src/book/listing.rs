//! Source by anchor: the text between `ANCHOR: name` and `ANCHOR_END: name`.

use anyhow::{Context, Result, ensure};

use super::preprocessor::Shelf;
use crate::present::html::escape;

/// `path:anchor` as a figure; `folded` shows it on request.
pub(super) fn markdown(shelf: &Shelf, place: &str, folded: bool) -> Result<String> {
    let (path, anchor) = place.split_once(':').context("a listing is FILE:ANCHOR")?;
    let source = between(&shelf.source(path)?, anchor).with_context(|| format!("in {path}"))?;
    let language = if path.ends_with(".rs") { "rust,ignore" } else { "text" };
    let (outer, caption) = if folded { ("details", "summary") } else { ("figure", "figcaption") };
    let title = format!("Source: <code>{}</code>, <code>{}</code>", escape(path), escape(anchor));
    // A longer fence than anybody writes into a doc comment.
    Ok(format!(
        "<{outer} class=\"gb-listing\">\n<{caption}>{title}</{caption}>\n\n\
         `````{language}\n{source}`````\n\n</{outer}>\n"
    ))
}

fn between(source: &str, anchor: &str) -> Result<String> {
    let is = |line: &str, mark: &str| {
        line.split_once(mark).is_some_and(|(_, name)| name.trim() == anchor && !anchor.is_empty())
    };
    let mut lines = source.lines();
    ensure!(lines.any(|line| is(line, "ANCHOR: ")), "there is no `ANCHOR: {anchor}`");
    let mut taken = vec![];
    let mut ended = false;
    for line in lines {
        if is(line, "ANCHOR_END: ") {
            ended = true;
            break;
        }
        if !line.contains("ANCHOR: ") && !line.contains("ANCHOR_END: ") {
            taken.push(line);
        }
    }
    ensure!(ended, "there is no `ANCHOR_END: {anchor}`");
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shift = taken.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let text: String =
        taken.iter().map(|line| line.get(shift..).unwrap_or_default().to_string() + "\n").collect();
    ensure!(!text.trim().is_empty(), "nothing is between `ANCHOR: {anchor}` and its end");
    Ok(text)
}
