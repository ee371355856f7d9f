//! For programs: one event a line, as JSON.

use std::io::{self, Write};

use crate::event::Event;
use crate::stage::Presenter;

/// Writes each event as a line of JSON.
pub struct Jsonl<W> {
    out: W,
}

impl<W: Write> Jsonl<W> {
    /// To `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Presenter for Jsonl<W> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, event)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}
