//! `run --explain`: the same start as ever, by the same processes, with everything shown that they ask the kernel for.

mod parts;
mod pause;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use colored::control::SHOULD_COLORIZE;

use self::parts::Scene;
use self::pause::Keyboard;
use crate::container::error::{Error, Result, doing};
use crate::container::start::{Part, Walls};
use crate::event::{Body, Call, Event, Row, SCHEMA_VERSION};
use crate::kernel::record::{self, Tape};
use crate::present::{Jsonl, Renderer, Terminal, painted};
use crate::probe::Reading;
use crate::stage::Presenter;

/// How the start is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text
    Plain,
    /// An event a line, as JSON
    Jsonl,
}

/// Looks on: first in the maker, and from `clone3` on in the container's first process, too.
pub(super) struct Lit {
    show: Rc<RefCell<Show>>,
    keyboard: Option<Keyboard>,
    /// What was there before this part.
    before: Vec<Option<Reading>>,
}

/// What is shown goes to where errors go: the container's output has nothing of it.
struct Show {
    presenter: Box<dyn Presenter>,
    /// The process that makes the container.
    maker: u32,
    /// The container's first process, as its maker sees it.
    inside: Option<i32>,
    /// It waits until the maker has told that it was made: the end of this pipe says so.
    turn: Option<(io::PipeReader, io::PipeWriter)>,
}

impl Lit {
    /// From here on every call is shown.
    pub(super) fn begin(format: Format) -> Result<Self> {
        let out = doing("cannot show the start", io::stderr().as_fd().try_clone_to_owned())?;
        let out = File::from(out);
        let presenter: Box<dyn Presenter> = match format {
            Format::Jsonl => Box::new(Jsonl::new(io::BufWriter::new(out))),
            Format::Plain => Box::new(Lines { out, renderer: Renderer::new() }),
        };
        let turn = Some(doing("cannot show the start", io::pipe())?);
        let show = Show { presenter, maker: std::process::id(), inside: None, turn };
        let show = Rc::new(RefCell::new(show));
        record::install(Some(Box::new(Told(Rc::clone(&show)))));
        let keyboard = if format == Format::Plain { Keyboard::find() } else { None };
        let lit = Self { show, keyboard, before: vec![] };
        let title = "the start of a container".into();
        lit.show(Body::Lesson { id: "run".into(), title, minutes: 0, steps: Part::COUNT })?;
        Ok(lit)
    }

    /// In the maker: the container has been started, and what comes now is not about it.
    pub(super) fn end(self) {
        record::install(None);
    }

    fn show(&self, body: Body) -> Result<()> {
        doing("cannot show the start", self.show.borrow_mut().tell(body))
    }
}

impl Walls for Lit {
    fn before(&mut self, part: Part) -> Result<()> {
        let Scene { title, text, seen } = parts::scene(part);
        self.show(Body::Step { number: part as usize + 1, title: title.into() })?;
        self.show(Body::Say { text: text.split_whitespace().collect::<Vec<_>>().join(" ") })?;
        self.before = seen.iter().map(|look| look().ok()).collect();
        Ok(())
    }

    fn after(&mut self, part: Part) -> Result<()> {
        let Scene { title, seen, .. } = parts::scene(part);
        let after = seen.iter().map(|look| look().ok());
        let rows: Vec<Row> =
            std::mem::take(&mut self.before).into_iter().zip(after).filter_map(row).collect();
        if !rows.is_empty() {
            let columns = ["before", "after"].map(String::from);
            self.show(Body::State { title: "the container's first process".into(), columns, rows })?;
        }
        match self.keyboard.as_mut().map(|keyboard| keyboard.wait(title)) {
            Some(Ok(false)) => Err(Error::Left),
            Some(Err(error)) => doing("cannot wait for a key", Err(error)),
            Some(Ok(true)) | None => Ok(()),
        }
    }
}

/// A reading before and after; what cannot be seen from where the process is now is left open.
fn row((before, after): (Option<Reading>, Option<Reading>)) -> Option<Row> {
    let named = after.as_ref().or(before.as_ref())?;
    let text = |reading: &Option<Reading>| reading.as_ref().map(|reading| reading.text.clone());
    let note = match (&before, &after) {
        (Some(before), Some(after)) if before.text == after.text => "same",
        (Some(_), Some(_)) => "changed",
        (None, _) => "now to be seen",
        (_, None) => "out of sight",
    };
    Some(Row {
        what: named.label.clone(),
        source: named.source.clone(),
        before: text(&before),
        after: text(&after),
        note: note.into(),
        elsewhere: None,
        before_varies: true,
        after_varies: true,
    })
}

impl Show {
    fn tell(&mut self, body: Body) -> io::Result<()> {
        let own = std::process::id();
        let is_maker = own == self.maker;
        let (lane, pid) = if is_maker { ("host", own as i32) } else { ("container", self.inside(own)?) };
        let has_made = is_maker && matches!(&body, Body::Call(call) if call.name == "clone3");
        self.presenter.show(&Event { v: SCHEMA_VERSION, lane: lane.into(), pid, aside: false, body })?;
        if has_made {
            self.turn = None;
        }
        Ok(())
    }

    /// Its number outside is to be read as long as it has the host's `/proc`.
    fn inside(&mut self, own: u32) -> io::Result<i32> {
        if let Some((mut maker, ours)) = self.turn.take() {
            drop(ours);
            maker.read_to_end(&mut vec![])?;
        }
        let outside = || std::fs::read_link("/proc/self").ok()?.to_str()?.parse().ok();
        Ok(*self.inside.get_or_insert_with(|| outside().unwrap_or(own as i32)))
    }
}

/// Shows each call.
struct Told(Rc<RefCell<Show>>);

impl Told {
    fn tell(&self, call: record::Call) {
        // A terminal that is gone shows nothing, and the start goes on.
        let _ = self.0.borrow_mut().tell(Body::Call(Call::from(call)));
    }
}

impl Tape for Told {
    fn returned(&mut self, call: record::Call) {
        self.tell(call);
    }

    fn departing(&mut self, call: record::Call) {
        self.tell(call);
    }
}

/// The lines of lessons, each event in one piece: two processes write.
struct Lines {
    out: File,
    renderer: Renderer,
}

impl Presenter for Lines {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        let colours = SHOULD_COLORIZE.should_colorize();
        let lines = self.renderer.lines(event, Terminal::width());
        let text = |line| if colours { painted(line) } else { line.text() };
        let text: String = lines.iter().map(|line| text(line) + "\n").collect();
        self.out.write_all(text.as_bytes())
    }
}
