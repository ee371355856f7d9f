//! The stage: what a lesson says, asks, does and checks, in each of its processes.
//!
//! ```text
//! director ─┬─ janitor             (src/trace) removes what outlives processes
//!           └─ performer           lane "host": runs the lesson
//!                └─ child …        lane "container" and so on, each with a Stage of its own
//! ```
//! One lane acts at a time. [`Stage::child`] returns when the child [holds](Stage::hold) or ends;
//! [`Child::go_on`] lets it act again. So a lesson reads from top to bottom although it is many processes.

use std::cell::Cell;
use std::rc::Rc;

use crate::event::{self, Bar, Body, Event, Source};
use crate::kernel::record;
use crate::machine::Refusal;

mod audience;
mod channel;
mod check;
mod child;
mod director;
mod disk;
mod group;
pub mod interrupt;
mod lesson;
mod own;
mod performer;
mod predict;
mod program;
mod shell;
pub mod stable;
mod start;
mod state;

pub use crate::error::{Error, Result};
pub use audience::{Audience, Ended, Fault, Left, Moment, Options, Presenter, Wish};
pub use check::{CheckBuilder, Evidence, Shown};
pub use child::Child;
pub use director::perform;
pub use group::LessonGroup;
pub use lesson::Lesson;
pub use own::Ran;
pub use performer::Scene;
pub use predict::Prediction;
pub use program::Program;
pub use shell::open_shell;
pub use state::StateTable;

use channel::{Answer, Channel, Message};

/// What one process of a lesson has in its hands.
pub struct Stage {
    channel: Rc<Channel>,
    scene: Rc<Scene>,
    /// To and from the process that made this one.
    gate: Option<child::Gate>,
    step: usize,
    light: Rc<Cell<Light>>,
    fault: Cell<bool>,
}

/// In which light the calls of a process are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Light {
    /// They are what the lesson is about.
    Full,
    /// They set up, or clear away.
    Backstage,
    /// How many there are depends on the machine.
    Varying,
}

impl Stage {
    fn new(channel: Channel, scene: Rc<Scene>, gate: Option<child::Gate>) -> Self {
        let channel = Rc::new(channel);
        let light = Rc::new(Cell::new(Light::Full));
        let tape = LaneTape { channel: Rc::clone(&channel), light: Rc::clone(&light) };
        record::install(Some(Box::new(tape)));
        Self { channel, scene, gate, step: 0, light, fault: Cell::new(false) }
    }

    /// What does not change while the lesson runs: who runs it, and where its things are.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Say something and wait for the answer. Without a director there is nobody to go on for.
    fn ask(&self, message: &Message, pass: Option<&Channel>) -> Answer {
        ask(&self.channel, message, pass)
    }

    fn show(&self, body: Body) {
        let message = match self.light.get() {
            Light::Varying => Message::Aside(body),
            Light::Full | Light::Backstage => Message::Show(body),
        };
        self.ask(&message, None);
    }

    /// Begin the next step.
    pub fn step(&mut self, title: &str) {
        self.step += 1;
        self.show(Body::Step { number: self.step, title: title.into() });
    }

    /// Narrate. Line ends in the source are blanks on the screen; an empty line begins a paragraph.
    pub fn say(&self, text: impl AsRef<str>) {
        self.show(Body::Say { text: reflow(text.as_ref()) });
    }

    /// Wait until the learner wants to go on. `reason` says what is there now to be looked at.
    pub fn pause(&self, reason: &str) -> Result<()> {
        if let Answer::Fault = self.ask(&Message::Pause { reason: reason.into() }, None) {
            self.fault.set(true);
            return self.check("a fault that the test asked for").expect("none").saw(("a fault", "the test"));
        }
        Ok(())
    }

    /// Show a command for another terminal, and what it shows there.
    pub fn try_it(&self, command: impl Into<String>, shows: &str) {
        self.show(Body::TryIt { command: command.into(), shows: shows.into() });
    }

    /// Go deeper, on request: why it is so, and where it is written down.
    pub fn why(&self, text: &str, sources: &[Source]) {
        self.show(Body::Why { text: reflow(text), sources: sources.to_vec() });
    }

    /// Show a figure that was measured and is different every time.
    pub fn measure(&self, what: &str, value: impl ToString, source: &str) {
        self.show(Body::Measure { what: what.into(), value: value.to_string(), source: source.into() });
    }

    /// Show an amount that is moving.
    pub fn gauge(&self, label: &str, value: u64, max: u64, unit: &str) {
        self.show(Body::Gauge { label: label.into(), value, max, unit: unit.into() });
    }

    /// Compare amounts that were measured, with a bar for each. `source` says how or where.
    pub fn chart(&self, title: &str, unit: &str, source: &str, bars: &[(&str, f64)]) {
        let bar = |(what, value): &(&str, f64)| Bar { what: what.to_string(), value: Some(*value) };
        let bars = bars.iter().map(bar).collect();
        self.show(Body::Chart { title: title.into(), unit: unit.into(), source: source.into(), bars });
    }

    /// Leave out a part that this machine cannot do: visible, and counted.
    pub fn skip(&self, what: &str, Refusal { why, hint }: Refusal) {
        self.show(Body::Skip { what: what.into(), why, hint });
    }

    /// Show what a program wrote.
    pub fn output(&self, program: &str, text: &str) {
        self.show(Body::Output { program: program.into(), text: text.trim_end().into() });
    }

    /// Do something that has to be done but is not what the lesson is about. Its calls are recorded all the
    /// same; presenters for people leave them out.
    pub fn backstage<T>(&self, work: impl FnOnce() -> T) -> T {
        self.in_light(Light::Backstage, work)
    }

    /// Do something that is what the lesson is about, in a process that was made backstage.
    pub fn in_front<T>(&self, work: impl FnOnce() -> T) -> T {
        self.in_light(Light::Full, work)
    }

    /// Do something that takes other calls on another machine, such as covering what is there to be covered. What is
    /// said and claimed meanwhile is an aside: not every machine says it.
    pub fn depending_on_machine<T>(&self, work: impl FnOnce() -> T) -> T {
        self.in_light(Light::Varying, work)
    }

    fn in_light<T>(&self, light: Light, work: impl FnOnce() -> T) -> T {
        let before = self.light.replace(light);
        let result = work();
        self.light.set(before);
        result
    }
}

fn ask(channel: &Channel, message: &Message, pass: Option<&Channel>) -> Answer {
    match channel.ask(message, pass) {
        Ok(answer) => answer,
        // The director is gone: the janitor is already waiting for us.
        Err(_) => crate::kernel::raw::exit_now(1),
    }
}

/// The text of a string literal that spans lines, as paragraphs.
fn reflow(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

impl From<record::Call> for event::Call {
    fn from(call: record::Call) -> Self {
        let (result, errno) = match call.outcome {
            Ok(value) => (value, None),
            Err(errno) => ("-1".into(), Some(format!("{errno:?}"))),
        };
        Self {
            name: call.name.into(),
            args: call.args,
            result,
            errno,
            micros: call.duration.as_micros() as u64,
            backstage: false,
            varies: false,
        }
    }
}

/// Sends each recorded call to the director.
struct LaneTape {
    channel: Rc<Channel>,
    light: Rc<Cell<Light>>,
}

impl LaneTape {
    fn event(&self, call: record::Call) -> event::Call {
        let light = self.light.get();
        event::Call {
            backstage: light == Light::Backstage,
            varies: light == Light::Varying,
            ..event::Call::from(call)
        }
    }
}

impl record::Tape for LaneTape {
    fn returned(&mut self, call: record::Call) {
        let event = self.event(call);
        ask(&self.channel, &Message::Show(Body::Call(event)), None);
    }

    fn departing(&mut self, call: record::Call) {
        let event = self.event(call);
        ask(&self.channel, &Message::Departing(event), None);
    }
}

fn event(lane: &str, pid: i32, aside: bool, body: Body) -> Event {
    Event { v: event::SCHEMA_VERSION, lane: lane.into(), pid, aside, body }
}
