//! Lines of styled text.

use unicode_width::UnicodeWidthStr;

/// What a piece of text is; how that looks is up to the presenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Ordinary text.
    Plain,
    /// Of less weight: sources, rules, notes.
    Dim,
    /// A title.
    Title,
    /// The name of a lane; the number tells lanes apart.
    Lane(usize),
    /// A system call.
    Call,
    /// Something that holds.
    Good,
    /// Something that does not hold, or was refused.
    Bad,
    /// A question to the learner, and a command to try.
    Ask,
}

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The style.
    pub style: Style,
    /// The text.
    pub text: String,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Its pieces, from left to right.
    pub spans: Vec<Span>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more piece.
    pub fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.spans.push(Span { style, text: text.into() });
        self
    }

    /// With blanks up to a column.
    pub fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.with(Style::Plain, " ".repeat(missing))
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.width()).sum()
    }

    /// The bare text, without blanks at its end.
    pub fn text(&self) -> String {
        let text: String = self.spans.iter().map(|span| span.text.as_str()).collect();
        text.trim_end().to_string()
    }
}

/// Text in one style, wrapped between `indent` and `width`; the first line begins with `first`, which is
/// as wide as `indent` or wider.
pub fn wrapped(first: Line, style: Style, text: &str, indent: usize, width: usize) -> Vec<Line> {
    let first_width = width.saturating_sub(first.width()).max(16);
    let rest_width = width.saturating_sub(indent).max(16);
    let mut lines = vec![];
    let mut current = Some(first);
    for paragraph in text.split('\n') {
        let options = textwrap::Options::new(rest_width)
            .word_separator(textwrap::WordSeparator::Custom(pieces))
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let shift = " ".repeat(rest_width.saturating_sub(first_width));
        let initial = if current.is_some() { shift.as_str() } else { "" };
        for part in textwrap::wrap(paragraph, options.initial_indent(initial)) {
            let line = current.take();
            let part = if line.is_some() {
                part.strip_prefix(shift.as_str()).unwrap_or(&part).to_string()
            } else {
                part.into_owned()
            };
            let line = line.unwrap_or_else(|| Line::new().pad_to(indent));
            lines.push(line.with(style, part));
        }
    }
    lines
}

/// Where a line may end: at a blank, in a list of flags, and in a path that is too long to stay whole;
/// an address is not broken: it is to be copied.
fn pieces(line: &str) -> Box<dyn Iterator<Item = textwrap::core::Word<'_>> + '_> {
    const LONG: usize = 40;
    Box::new(line.split_inclusive([' ', '|']).flat_map(|word| {
        let ends: &[char] = if word.len() > LONG && !word.contains("://") { &['/'] } else { &[] };
        word.split_inclusive(ends).map(textwrap::core::Word::from)
    }))
}
