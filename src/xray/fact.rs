//! Something that may be hidden from whoever asks: then it says so, and is never guessed.

use std::fmt;

use serde::Serialize;

use crate::kernel::Errno;
use crate::probe::{self, Reading, Unreadable};

/// A fact, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It could not be.
    Unknown(Unknown),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// What was tried, and the kernel's answer.
    not_readable: String,
    /// Who may read it; empty where that would not help.
    needs: String,
}

impl Unknown {
    /// For another reason than a refusal.
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self { not_readable: why.into(), needs: String::new() }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.needs.as_str() {
            "" => write!(f, "not readable: {}", self.not_readable),
            needs => write!(f, "not readable, needs {needs}"),
        }
    }
}

impl From<Unreadable> for Unknown {
    fn from(Unreadable { path, why, errno }: Unreadable) -> Self {
        let needs = match errno {
            // A file system of another user's program (FUSE), or a security module.
            Some(Errno::EACCES | Errno::EPERM) if may_trace() => "more than CAP_SYS_PTRACE",
            Some(Errno::EACCES | Errno::EPERM) => "root, or CAP_SYS_PTRACE",
            _ => "",
        };
        Self { not_readable: format!("{path}: {why}"), needs: needs.into() }
    }
}

/// Whether the caller has what looking into any process takes.
fn may_trace() -> bool {
    const CAP_SYS_PTRACE: u32 = 19;
    let effective = probe::process::status("self", "CapEff").ok();
    let bits = effective.and_then(|reading| u64::from_str_radix(&reading.text, 16).ok());
    bits.is_some_and(|bits| bits >> CAP_SYS_PTRACE & 1 == 1)
}

impl<T> From<probe::Result<T>> for Fact<T> {
    fn from(result: probe::Result<T>) -> Self {
        result.map_or_else(|error| Fact::Unknown(error.into()), Fact::Known)
    }
}

impl<T> Fact<T> {
    /// The fact, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Unknown(_) => None,
        }
    }

    /// Made into another one.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Fact::Known(value) => Fact::Known(change(value)),
            Fact::Unknown(unknown) => Fact::Unknown(unknown),
        }
    }

    /// For people: the fact in these words, or why there is none.
    pub(super) fn said(&self, words: impl FnOnce(&T) -> String) -> String {
        match self {
            Fact::Known(value) => words(value),
            Fact::Unknown(unknown) => unknown.to_string(),
        }
    }
}

/// Of a file that only some kernels have: `None` on the others.
pub(super) fn if_there(result: probe::Result<Reading>) -> Fact<Option<String>> {
    match result {
        Ok(reading) => Fact::Known(Some(reading.text)),
        Err(error) if matches!(error.errno, Some(Errno::ENOENT | Errno::EINVAL)) => Fact::Known(None),
        Err(error) => Fact::Unknown(error.into()),
    }
}
