//! Labs: assignments that the kernel marks.
//!
//! A lab sets a scene, whose values are drawn anew at each start, and says what is to be done with any
//! tools. `check` then looks at kernel state and says what it saw and where.

mod exam;
mod record;
mod report;
mod scene;

pub use exam::{Exam, Item};
pub use record::{Record, Store};
pub use report::{Marked, Report, State};
pub use scene::{
    Setting, apart, ask_inside, busy, inside, lasting, program, resident, solve, start, stop, try_resident,
};

use crate::error::Result;
use crate::machine::Need;
use crate::trace::Ledger;

/// What a lab asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bring the kernel into a state.
    Do,
    /// Answer a question about a running scene.
    Find,
    /// Repair a broken scene.
    Fix,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.pad(match self {
            Kind::Do => "do",
            Kind::Find => "find",
            Kind::Fix => "fix",
        })
    }
}

/// A lab.
pub struct Lab {
    /// What it asks for.
    pub kind: Kind,
    /// The assignment in a few words.
    pub title: &'static str,
    /// What the machine must offer.
    pub needs: &'static [Need],
    /// Draw the values, and set the scene.
    pub begin: fn(&mut Setting) -> Result<()>,
    /// The assignment, with the values that were drawn.
    pub task: fn(&Record) -> String,
    /// Look at what was done.
    pub check: fn(&Record, &mut Exam) -> Result<()>,
    /// Do it, as the reference does it; returns the answer to a question. What this makes and `lab reset`
    /// has to remove goes into the ledger.
    pub solve: fn(&Record, &Ledger) -> Result<Option<String>>,
}
