//! The table of kernel state: in columns where they fit, below each other where they do not.

use unicode_width::UnicodeWidthStr;

use super::line::{Line, Style, wrapped};
use crate::event::Row;

const GAP: usize = 3;
const NOTHING: &str = "—";

fn shown(value: Option<&String>) -> &str {
    value.map_or(NOTHING, String::as_str)
}

/// `title`, then a row for each difference.
pub(super) fn state(title: &str, columns: &[String; 2], rows: &[Row], width: usize) -> Vec<Line> {
    let [left, right] = [columns[0].as_str(), columns[1].as_str()];
    let header = [title, left, right, ""];
    let column = |index: usize| {
        rows.iter().map(|row| cells(row)[index].width()).chain([header[index].width()]).max().unwrap_or(0)
    };
    let widths = [column(0), column(1), column(2), column(3)];
    if 1 + widths.iter().sum::<usize>() + 3 * GAP <= width {
        in_columns(header, rows, widths, width)
    } else {
        stacked(header, rows, width)
    }
}

fn cells(row: &Row) -> [&str; 4] {
    [&row.what, shown(row.before.as_ref()), shown(row.after.as_ref()), &row.note]
}

/// Below a row's name, what it is called on machines of another kind.
fn elsewhere(row: &Row, width: usize) -> Vec<Line> {
    let name = |name| wrapped(Line::new().pad_to(3), Style::Dim, name, 3, width);
    row.elsewhere.iter().flat_map(|text| name(text)).collect()
}

fn in_columns(header: [&str; 4], rows: &[Row], widths: [usize; 4], width: usize) -> Vec<Line> {
    let line = |row: [&str; 4], styles: [Style; 4]| {
        let mut line = Line::new().with(Style::Plain, " ");
        let mut end = 1;
        for ((cell, style), width) in row.iter().zip(styles).zip(widths) {
            line = line.with(style, *cell);
            end += width + GAP;
            line = line.pad_to(end);
        }
        line
    };
    let plain = [Style::Plain, Style::Dim, Style::Plain, Style::Dim];
    let mut lines = vec![line(header, [Style::Title, Style::Dim, Style::Dim, Style::Dim])];
    for row in rows {
        lines.push(line(cells(row), plain));
        lines.extend(elsewhere(row, width));
    }
    lines
}

fn stacked([title, left, right, _]: [&str; 4], rows: &[Row], width: usize) -> Vec<Line> {
    let indent = 5 + left.width().max(right.width());
    let mut lines = wrapped(Line::new().with(Style::Plain, " "), Style::Title, title, 1, width);
    for row in rows {
        let [what, before, after, note] = cells(row);
        let label = |name: &str| Line::new().with(Style::Dim, format!("   {name}")).pad_to(indent);
        lines.extend(wrapped(Line::new().with(Style::Plain, " "), Style::Plain, what, 1, width));
        lines.extend(elsewhere(row, width));
        lines.extend(wrapped(label(left), Style::Dim, before, indent, width));
        lines.extend(wrapped(label(right), Style::Plain, after, indent, width));
        if !note.is_empty() {
            lines.extend(wrapped(label(""), Style::Dim, note, indent, width));
        }
    }
    lines
}
