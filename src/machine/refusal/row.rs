//! A row of the table of refusals: what it is about, and what it says.

use nix::unistd::User;

use super::{Attempt, Fact, Facts, Tried};
use crate::kernel::Errno;
use crate::probe::around;

/// What is known of a refusal.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What was tried: one of these.
    pub tried: &'static [Tried],
    /// What came back: one of these, or anything.
    pub errno: &'static [Errno],
    /// What is so on this machine: all of these.
    pub facts: &'static [Fact],
    /// What stands in the way, a sentence without a full stop.
    pub why: &'static str,
    /// The one thing to do.
    pub hint: &'static str,
}

/// The beginning of a row.
pub(super) const fn tried(tried: &'static [Tried]) -> Row {
    Row { tried, errno: &[], facts: &[], why: "", hint: "" }
}

impl Row {
    pub(super) const fn errno(self, errno: &'static [Errno]) -> Self {
        Self { errno, ..self }
    }

    pub(super) const fn facts(self, facts: &'static [Fact]) -> Self {
        Self { facts, ..self }
    }

    pub(super) const fn says(self, why: &'static str, hint: &'static str) -> Self {
        Self { why, hint, ..self }
    }

    /// Whether it is about this attempt; whether it fits is then a matter of facts.
    pub fn is_about(&self, attempt: &Attempt) -> bool {
        self.tried.contains(&attempt.tried) && (self.errno.is_empty() || self.errno.contains(&attempt.errno))
    }

    /// The text that stands for a word in braces.
    pub fn word(&self, name: &str, attempt: &Attempt, facts: &Facts) -> Option<String> {
        match name {
            "release" => Some(around::release()),
            "glassbox" => {
                Some(std::env::current_exe().map_or("glassbox".into(), |path| path.display().to_string()))
            }
            "uid" => Some(around::uid().to_string()),
            "user" => Some(user()),
            _ => attempt.word(name).or_else(|| facts.word(self.facts, name)).map(String::from),
        }
    }

    /// Whether it fits.
    pub fn fits(&self, attempt: &Attempt, facts: &Facts) -> bool {
        self.is_about(attempt) && facts.hold(self.facts)
    }
}

/// The name of this user.
fn user() -> String {
    let uid = around::uid();
    let user = User::from_uid(uid.into()).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
