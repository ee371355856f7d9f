//! What a lesson is: data, and a plain function.

use super::{Result, Stage};
use crate::lab::Lab;
use crate::machine::Need;

/// A lesson.
pub struct Lesson {
    /// Its name on the command line and that of its folder.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// How long it takes to do by hand.
    pub minutes: u32,
    /// How many steps it has; the run is held against it.
    pub steps: usize,
    /// What the machine must offer.
    pub needs: &'static [Need],
    /// The lesson itself.
    pub run: fn(&mut Stage) -> Result<()>,
    /// The assignment that goes with it.
    pub lab: Lab,
}
