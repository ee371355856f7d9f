//! For the book: the lines of a transcript as HTML, a class for each style.

use super::{Line, Style};

/// The lines inside of a `pre`.
pub fn lines(lines: &[Line]) -> String {
    lines.iter().map(|line| line_html(line) + "\n").collect()
}

fn line_html(line: &Line) -> String {
    let mut html = String::new();
    for span in &line.spans {
        let text = escape(&span.text);
        match class(span.style) {
            Some(class) if !span.text.trim().is_empty() => {
                html += &format!("<span class=\"{class}\">{text}</span>")
            }
            _ => html += &text,
        }
    }
    html.trim_end().to_string()
}

fn class(style: Style) -> Option<String> {
    Some(match style {
        Style::Plain => return None,
        Style::Dim => "gb-dim".into(),
        Style::Title => "gb-title".into(),
        Style::Lane(number) => format!("gb-lane gb-lane-{}", number % 4),
        Style::Call => "gb-call".into(),
        Style::Good => "gb-good".into(),
        Style::Bad => "gb-bad".into(),
        Style::Ask => "gb-ask".into(),
    })
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
