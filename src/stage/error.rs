//! Why a lesson could not go on.

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
    Image(#[from] crate::container::image::Error),
    /// Something else that the system refused.
    #[error("{what}: {why}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        why: std::io::Error,
    },
    /// The lesson itself is wrong.
    #[error("{0}")]
    Lesson(String),
}

impl Error {
    /// Whether the learner has been told already what is wrong.
    pub(crate) fn was_shown(&self) -> bool {
        matches!(self, Error::Claim(_) | Error::Lane { .. })
    }
}

/// Adds what was being done to an I/O error.
pub(crate) fn doing<T>(what: impl Into<String>, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|why| Error::Io { what: what.into(), why })
}
