//! What the director is given, and what it gives back.

use std::io;
use std::path::Path;

use crate::event::{Body, Event};
use crate::kernel::Pid;
use crate::machine::Mode;

/// Shows events. What it shows came from events only.
pub trait Presenter {
    /// Show one event.
    fn show(&mut self, event: &Event) -> io::Result<()>;
}

/// Answers for the learner.
pub trait Audience {
    /// Which of the choices is going to come true?
    fn predict(&mut self, question: &str, choices: &[String]) -> io::Result<Option<usize>>;
    /// Look at what is there. `moment` is for going deeper.
    fn pause(&mut self, moment: &Moment) -> io::Result<Wish>;
}

/// What there is to look at during a pause.
#[derive(Debug)]
pub struct Moment {
    /// The most interesting process that is there: the one that pauses, or the latest child.
    pub inside: Option<Pid>,
    /// The explanations of this step so far.
    pub whys: Vec<Body>,
    /// What is said to be there.
    pub reason: String,
}

/// What the learner wants after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The next step.
    Next,
    /// The lesson again from its start.
    Restart,
    /// To stop.
    Quit,
}

/// A fault for the tests to see that nothing is left then either.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// At the pause with this number, a check fails.
    pub at_pause: usize,
}

/// How a lesson is to be performed.
pub struct Options<'a> {
    /// With which powers.
    pub mode: Mode,
    /// Where ledgers are kept.
    pub runs: &'a Path,
    /// Perform the steps before this one without showing them.
    pub from_step: usize,
    /// What shall go wrong.
    pub fault: Option<Fault>,
    /// How many nodes there shall be, in a lesson that has nodes; what suits the machine without.
    pub nodes: Option<usize>,
}

/// How it went.
#[derive(Debug, Default, Clone)]
pub struct Ended {
    /// Claims that held.
    pub passed: usize,
    /// Claims that did not hold, and everything else that went wrong.
    pub failed: usize,
    /// Parts that cannot run here.
    pub skipped: usize,
    /// Predictions that the kernel made true, of how many.
    pub predictions: (usize, usize),
    /// The last step that began.
    pub step: usize,
    /// Whether it was left before its end, and how.
    pub left: Option<Left>,
}

/// How a lesson was left before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// To begin again.
    Restart,
    /// For good.
    Quit,
}
