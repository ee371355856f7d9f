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
    /// The lessons that it takes for granted, by name: those themselves, not what they build on in turn. They come
    /// earlier in the course.
    pub builds_on: &'static [&'static str],
    /// How many steps it has; the run is held against it.
    pub steps: usize,
    /// What the machine must offer.
    pub needs: &'static [Need],
    /// The lesson itself.
    pub run: fn(&mut Stage) -> Result<()>,
    /// The assignment that goes with it.
    pub lab: Lab,
}

impl Lesson {
    /// What it builds on, in words, as every list of lessons has it; empty where it is nothing.
    pub fn foundation(&self) -> String {
        if self.builds_on.is_empty() {
            String::new()
        } else {
            format!("builds on: {}", self.builds_on.join(", "))
        }
    }
}
