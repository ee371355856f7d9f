//! For people: colour, bars that move, and prompts. Every mark reads without colour too.

use std::io::{self, Write};

use colored::{ColoredString, Colorize};

use super::{Line, Renderer, Style};
use crate::event::{Body, Event};
use crate::stage::Presenter;

/// Writes to a terminal.
pub struct Terminal {
    renderer: Renderer,
    /// Whether the last line is an amount that may move again.
    moving: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal {
    /// For the beginning of a stream.
    pub fn new() -> Self {
        Self { renderer: Renderer::new(), moving: false }
    }

    /// How wide the terminal is at this moment.
    pub fn width() -> usize {
        const WIDEST_READABLE: usize = 100;
        textwrap_width().min(WIDEST_READABLE)
    }
}

fn textwrap_width() -> usize {
    let (_, columns) = dialoguer::console::Term::stdout().size();
    usize::from(columns).max(20)
}

impl Presenter for Terminal {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        // An explanation is shown when it is asked for; a question by the menu that asks it.
        if matches!(event.body, Body::Why { .. } | Body::Predict { .. }) {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let lines = self.renderer.lines(event, Self::width());
        let moves = matches!(event.body, Body::Gauge { .. });
        if moves {
            let Some(bar) = lines.last() else { return Ok(()) };
            let up = if self.moving { "\r\x1b[K" } else { "\n" };
            write!(out, "{up}{}", painted(bar))?;
        } else if !lines.is_empty() {
            if self.moving {
                writeln!(out)?;
            }
            for line in &lines {
                writeln!(out, "{}", painted(line))?;
            }
        }
        self.moving = moves || (self.moving && lines.is_empty());
        out.flush()
    }
}

/// A line in colour, unless colour is switched off.
pub fn painted(line: &Line) -> String {
    let text: String = line.spans.iter().map(|span| paint(span.style, &span.text).to_string()).collect();
    text.trim_end().to_string()
}

fn paint(style: Style, text: &str) -> ColoredString {
    match style {
        Style::Plain => text.normal(),
        Style::Dim => text.dimmed(),
        Style::Title => text.bold(),
        Style::Lane(number) => match number % 4 {
            0 => text.blue().bold(),
            1 => text.magenta().bold(),
            2 => text.cyan().bold(),
            _ => text.yellow().bold(),
        },
        Style::Call => text.cyan(),
        Style::Good => text.green(),
        Style::Bad => text.red(),
        Style::Ask => text.yellow(),
    }
}
