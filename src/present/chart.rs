//! The chart of measured amounts: a bar for each, all on one scale that begins at zero.

use unicode_width::UnicodeWidthStr;

use super::line::{Line, Style, wrapped};
use crate::event::Bar;

/// Where the names begin.
const INDENT: usize = 3;
const GAP: usize = 2;
/// Longer bars say no more.
const LONGEST: usize = 48;
/// Parts of a full block, from an eighth to all of it.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// `title`, then the bars.
pub(super) fn chart(title: &str, unit: &str, source: &str, bars: &[Bar], width: usize) -> Vec<Line> {
    let mut lines = wrapped(Line::new().pad_to(1), Style::Title, &format!("{title}, in {unit}"), 1, width);
    let source = format!("({source})");
    match lines.as_slice() {
        [head] if head.width() + 1 + source.width() <= width => {
            let head = lines.remove(0).with(Style::Plain, " ");
            lines.push(head.with(Style::Dim, source));
        }
        _ => lines.extend(wrapped(Line::new().pad_to(INDENT), Style::Dim, &source, INDENT, width)),
    }
    let names = bars.iter().map(|bar| bar.what.width()).max().unwrap_or(0);
    let figures: Vec<String> = bars.iter().map(|bar| bar.value.map_or("…".into(), figure)).collect();
    let longest = figures.iter().map(|figure| figure.width()).max().unwrap_or(0);
    let begin = INDENT + names + GAP;
    let room = width.saturating_sub(begin + longest + 1).clamp(8, LONGEST);
    let most = bars.iter().filter_map(|bar| bar.value).fold(0.0, f64::max);
    for (bar, figure) in bars.iter().zip(figures) {
        let drawn = bar.value.map(|value| drawn(value, most, room)).unwrap_or_default();
        let line = Line::new().pad_to(INDENT).with(Style::Plain, &bar.what).pad_to(begin);
        let space = if drawn.is_empty() { "" } else { " " };
        lines.push(line.with(Style::Good, drawn).with(Style::Plain, format!("{space}{figure}")));
    }
    lines
}

/// A bar of blocks and one part of a block. What is there at all can be seen.
fn drawn(value: f64, most: f64, room: usize) -> String {
    if value <= 0.0 || most <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most * (room * EIGHTHS.len()) as f64).round() as usize).max(1);
    let mut bar = "█".repeat(eighths / EIGHTHS.len());
    bar.extend((eighths % EIGHTHS.len()).checked_sub(1).map(|part| EIGHTHS[part]));
    bar
}

/// With three digits that say something, or all digits before the point.
fn figure(value: f64) -> String {
    let decimals = match value {
        0.0 | 99.95.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_share_a_scale_and_the_least_can_be_seen() {
        let bar = |what: &str, value| Bar { what: what.into(), value: Some(value) };
        let bars = [bar("process", 0.21), bar("half", 1500.0), bar("machine", 3000.0), bar("none", 0.0)];
        let lines: Vec<String> =
            chart("a start", "ms", "the clock", &bars, 60).iter().map(Line::text).collect();
        assert_eq!(lines[0], " a start, in ms (the clock)");
        assert_eq!(lines[1], "   process  ▏ 0.21");
        let blocks = |line: &str| line.chars().filter(|sign| *sign == '█').count();
        assert_eq!((blocks(&lines[2]) * 2).abs_diff(blocks(&lines[3])), 1);
        assert!(lines[3].ends_with(" 3000"), "{lines:#?}");
        assert_eq!(lines[4], "   none     0");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:#?}");
        let narrow = chart("from the first to the last", "ms", "the median of fifteen", &bars, 30);
        let narrow: Vec<String> = narrow.iter().map(Line::text).collect();
        assert_eq!(narrow[..3], [" from the first to the last,", " in ms", "   (the median of fifteen)"]);
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(
            [0.0123, 0.5, 4.2561, 42.561, 425.61, 99.96].map(figure),
            ["0.01", "0.50", "4.26", "42.6", "426", "100"]
        );
    }
}
