//! For people: colour, bars that move, and prompts. Every mark reads without colour too.

use std::io::{self, IsTerminal, Write};

use colored::control::SHOULD_COLORIZE;
use colored::{ColoredString, Colorize};

use super::{Line, Renderer, Style};
use crate::event::{Body, Event};
use crate::stage::Presenter;

/// Writes to a terminal.
pub struct Terminal {
    renderer: Renderer,
    motion: Motion,
    /// An amount that may move again, and its bar.
    moving: Option<Line>,
}

/// How an amount moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Motion {
    /// An escape code clears the line.
    Escape,
    /// Where escape codes are unwanted, each bar is written over the one before.
    Over,
    /// Not at all: shown when it stands still.
    Still,
}

impl Motion {
    fn here() -> Self {
        match (io::stdout().is_terminal() && !is_dumb(), SHOULD_COLORIZE.should_colorize()) {
            (true, true) => Self::Escape,
            (true, false) => Self::Over,
            (false, _) => Self::Still,
        }
    }
}

/// Whether the terminal understands no more than text.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty())
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal {
    /// For the beginning of a stream.
    pub fn new() -> Self {
        Self { renderer: Renderer::new(), motion: Motion::here(), moving: None }
    }

    /// Show a bar in place of the one before.
    fn shift(&mut self, bar: Line, out: &mut impl Write) -> io::Result<()> {
        match (self.motion, &self.moving) {
            (Motion::Still, _) => {}
            (_, None) => write!(out, "\n{}", painted(&bar))?,
            (Motion::Escape, Some(_)) => write!(out, "\r\x1b[K{}", painted(&bar))?,
            (Motion::Over, Some(last)) => {
                let rest = last.width().saturating_sub(bar.width());
                write!(out, "\r{}{:rest$}", painted(&bar), "")?;
            }
        }
        self.moving = Some(bar);
        Ok(())
    }

    /// The bar stays where it is.
    fn settle(&mut self, out: &mut impl Write) -> io::Result<()> {
        match (self.moving.take(), self.motion) {
            (None, _) => Ok(()),
            (Some(bar), Motion::Still) => writeln!(out, "\n{}", painted(&bar)),
            (Some(_), _) => writeln!(out),
        }
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
        let lines = match event.body {
            Body::Why { .. } => return Ok(()),
            Body::Predict { .. } => self.renderer.interrupted(Self::width()),
            _ => self.renderer.lines(event, Self::width()),
        };
        let mut out = io::stdout().lock();
        if matches!(event.body, Body::Gauge { .. }) {
            lines.into_iter().next_back().map_or(Ok(()), |bar| self.shift(bar, &mut out))?;
        } else if !lines.is_empty() {
            self.settle(&mut out)?;
            for line in &lines {
                writeln!(out, "{}", painted(line))?;
            }
        }
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
