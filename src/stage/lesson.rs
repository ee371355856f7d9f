//! What a lesson is: data, and a plain function.

use std::fmt;

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

/// The name of a run, in every name that it gives to something on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// A new one, of four signs that are easy to tell apart.
    pub fn draw() -> Self {
        const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
        let mut number = crate::machine::random();
        let mut name = String::new();
        for _ in 0..4 {
            name.push(SIGNS[(number % SIGNS.len() as u64) as usize] as char);
            number /= SIGNS.len() as u64;
        }
        Self(name)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RunId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
