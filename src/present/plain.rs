//! For pipes, tests and `--auto`: the same lines without colour, and nothing that moves.

use std::io::{self, Write};

use super::Renderer;
use crate::event::{Body, Event};
use crate::stage::Presenter;

/// Writes lines of bare text.
pub struct Plain<W> {
    out: W,
    width: usize,
    renderer: Renderer,
    /// An amount that moves is written when it stands still.
    moving: Option<Event>,
}

impl<W: Write> Plain<W> {
    /// To `out`, in lines of at most `width` columns.
    pub fn new(out: W, width: usize) -> Self {
        Self { out, width, renderer: Renderer::new(), moving: None }
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        for line in self.renderer.lines(event, self.width) {
            writeln!(self.out, "{}", line.text())?;
        }
        self.out.flush()
    }
}

impl<W: Write> Presenter for Plain<W> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event.body, Body::Gauge { .. }) {
            self.moving = Some(event.clone());
            return Ok(());
        }
        if let Some(still) = self.moving.take() {
            self.write(&still)?;
        }
        self.write(event)
    }
}
