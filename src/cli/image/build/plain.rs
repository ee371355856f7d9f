//! How a build goes on, for a terminal or a file.

use std::io::{self, Write};
use std::time::Instant;

use crate::cli::image::printable;
use crate::image::Reference;
use crate::image::build::Progress;

/// The steps as lines, as docker writes them for programs: each begins with the number of its step.
pub(super) struct Plain {
    quiet: bool,
    number: u32,
    began: Instant,
    /// What its program has written of a line.
    rest: Vec<u8>,
    /// What it wrote, for whoever did not see it and has to know.
    hidden: String,
}

impl Plain {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, number: 0, began: Instant::now(), rest: vec![], hidden: String::new() }
    }

    fn line(&mut self, text: &str) {
        let line = format!("#{} {text}\n", self.number);
        if self.quiet {
            self.hidden.push_str(&line);
        } else {
            // Nobody may be there to read it.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    fn seconds(&self) -> f32 {
        self.began.elapsed().as_secs_f32()
    }

    fn flush(&mut self) {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.written(&rest);
        }
    }

    fn written(&mut self, line: &[u8]) {
        let text = printable(String::from_utf8_lossy(line).trim_end_matches('\r'));
        self.line(&format!("{:.3} {text}", self.seconds()));
    }

    pub(super) fn fail(&mut self) {
        self.flush();
        if self.number > 0 {
            self.line("ERROR");
        }
        if self.quiet {
            let _ = io::stderr().write_all(self.hidden.as_bytes());
        }
    }

    pub(super) fn name(&mut self, id: &str, names: &[Reference]) {
        self.number += 1;
        self.line(&format!("image {id}"));
        names.iter().for_each(|name| self.line(&format!("named {}", name.full())));
    }
}

impl Progress for Plain {
    fn begin(&mut self, title: &str) {
        (self.number, self.began) = (self.number + 1, Instant::now());
        self.hidden.clear();
        self.line(&printable(title));
    }

    fn output(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    let line = [std::mem::take(&mut self.rest).as_slice(), end].concat();
                    self.written(&line);
                }
                None => self.rest.extend_from_slice(part),
            }
        }
    }

    fn end(&mut self, cached: bool) {
        self.flush();
        let text = if cached { "CACHED".into() } else { format!("DONE {:.1}s", self.seconds()) };
        self.line(&text);
    }
}
