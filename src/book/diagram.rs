//! Pictures: SVG in the page itself, so that they take their colours from the page's theme.

use anyhow::{Result, ensure};

use super::preprocessor::Shelf;
use crate::present::html::escape;

/// The picture, in a figure. It must say in words what it shows, and take its colours from the page.
pub(super) fn html(shelf: &Shelf, name: &str) -> Result<String> {
    let svg = shelf.beside_chapters(&format!("diagrams/{name}.svg"))?;
    for part in ["<title", "<desc", "role=\"img\"", "viewBox="] {
        ensure!(svg.contains(part), "diagrams/{name}.svg has no {part}");
    }
    for colour in ["fill=\"#", "stroke=\"#", "fill:#", "stroke:#"] {
        ensure!(!svg.contains(colour), "diagrams/{name}.svg has a colour of its own, {colour}…: use a class");
    }
    // An empty line would end the HTML and begin Markdown.
    let svg: String =
        svg.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{line}\n")).collect();
    Ok(format!(
        "<figure class=\"gb-diagram\" id=\"diagram-{}\" tabindex=\"0\">\n{svg}</figure>\n",
        escape(name)
    ))
}
