//! Why a lesson or a lab could not go on, and what to do about it.

use crate::kernel::Errno;
use crate::machine::{Refusal, explain};
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
    /// What to do about it; nothing if the learner has been told already.
    pub fn hint(&self) -> String {
        match self {
            Error::Kernel(error) if error.errno == Errno::ENOSPC && error.call != "unshare" => {
                "the file system in memory is full: free some memory, and try again".into()
            }
            Error::Kernel(error) => explain(error).hint,
            Error::Cgroup(missing) => Refusal::from(missing).hint,
            Error::Image(image) => image.hint(),
            Error::Unreadable(_) | Error::Io { .. } => {
                "`glassbox doctor` shows what this machine allows".into()
            }
            Error::Lesson(_) => "this is a fault of glassbox: please report it".into(),
            Error::Claim(_) | Error::Lane { .. } => String::new(),
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
