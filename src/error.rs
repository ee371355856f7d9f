//! Why a lesson or a lab could not go on, and what to do about it.

use crate::kernel::error::answer;
use crate::machine::{Attempt, Refusal, explain};
use crate::{kernel, probe};

/// The result of everything a lesson does.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a lesson could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a call that the lesson needs.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// A state could not be read.
    #[error(transparent)]
    Unreadable(#[from] probe::Unreadable),
    /// A claim does not hold. It has been shown already.
    #[error("the claim does not hold: {0}")]
    Claim(String),
    /// A process of the lesson failed; it has said why itself.
    #[error("the process in lane {lane} {ended}")]
    Lane {
        /// Its lane.
        lane: String,
        /// How it ended.
        ended: kernel::process::Ended,
    },
    /// This machine does not let this user make the cgroup.
    #[error(transparent)]
    Cgroup(#[from] kernel::cgroup::Missing),
    /// The machine's own files are not as needed.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    /// A container could not be started.
    #[error(transparent)]
    Container(#[from] crate::container::Error),
    /// Something else that the system refused.
    #[error("{what}: {}", answer(why))]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        why: std::io::Error,
    },
    /// Nobody takes what is shown, or nobody answers.
    #[error("cannot write the output: {}", answer(.0))]
    Output(std::io::Error),
    /// Another process was refused something. It knows best what stands in its way, and has told.
    #[error("{}", .0.why)]
    Told(Refusal),
    /// The lesson itself is wrong.
    #[error("{0}")]
    Lesson(String),
}

impl Error {
    /// What stands in the way, and what to do about it.
    pub fn explained(&self) -> Refusal {
        match self {
            Error::Kernel(error) => explain(error),
            Error::Unreadable(state) => explain(state),
            Error::Cgroup(missing) => explain(missing),
            Error::Image(error) => error.explained(),
            Error::Container(error) => error.explained(),
            Error::Io { what, why } => explain(Attempt::system(what, why)),
            Error::Output(why) => explain(Attempt::output(why)),
            Error::Told(refusal) => refusal.clone(),
            Error::Lesson(fault) => explain(Attempt::fault(fault)),
            // Shown already, with what there is to be known about it.
            Error::Claim(_) | Error::Lane { .. } => Refusal { why: self.to_string(), hint: String::new() },
        }
    }

    /// Whether the learner has been told already what is wrong.
    pub(crate) fn was_shown(&self) -> bool {
        matches!(self, Error::Claim(_) | Error::Lane { .. })
    }
}

/// Adds what was being done to an I/O error.
pub(crate) fn doing<T>(what: impl Into<String>, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|why| Error::Io { what: what.into(), why })
}
