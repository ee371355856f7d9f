//! Why something was refused on this very machine, and the one thing to do about it.
//!
//! An [`Attempt`] is what was tried and what came back; [`Facts`] are what is so on this machine; [`TABLE`] has
//! a sentence and a hint for each combination. `doctor`, the runner and every error message ask [`explain`].

mod attempt;
mod facts;
mod row;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, Tried};
pub use facts::{Fact, Facts};
pub use row::Row;
pub use table::TABLE;

/// A refusal, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What stands in the way, a sentence without a full stop.
    pub why: String,
    /// The one thing to do.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.why, self.hint)
    }
}

/// Explain what was refused, after a look at this machine.
pub fn explain(attempt: impl Into<Attempt>) -> Refusal {
    let attempt = attempt.into();
    Refusal::of(&attempt, &Facts::find(&attempt))
}

impl Refusal {
    /// What the first row that fits says.
    fn of(attempt: &Attempt, facts: &Facts) -> Self {
        // The last rows fit everything, which the tests hold.
        let row = TABLE.iter().find(|row| row.fits(attempt, facts)).unwrap_or(&TABLE[TABLE.len() - 1]);
        let fill = |text| fill(text, |name| row.word(name, attempt, facts));
        Self { why: fill(row.why), hint: fill(row.hint) }
    }
}

/// Put words in place of their names in braces; what nobody knows stays as it is.
fn fill(text: &str, word: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_once('}').and_then(|(name, rest)| Some((word(name)?, rest))) {
            Some((word, rest)) => filled.extend([&word, rest]),
            None => filled.extend(["{", part]),
        }
    }
    filled
}
