//! Why something with a container could not be done.

use std::io;

use crate::kernel::cgroup::Missing;
use crate::kernel::error::answer;
use crate::kernel::process::Sig;
use crate::machine::{Attempt, Refusal, explain};
use crate::{image, kernel};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something with a container could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no container of this name or number.
    #[error("there is no container {0:?}")]
    Unknown(String),
    /// Several containers have a number that begins so.
    #[error("{given:?} is the beginning of {count} containers' numbers")]
    Ambiguous {
        /// What was asked for.
        given: String,
        /// How many.
        count: usize,
    },
    /// This is no name for a container.
    #[error("{0:?} cannot be the name of a container")]
    Name(String),
    /// Another container has this name.
    #[error("the name {name:?} is taken by the container {by}")]
    NameTaken {
        /// What was asked for.
        name: String,
        /// The beginning of its number.
        by: String,
    },
    /// It does not run.
    #[error("the container {0} does not run")]
    NotRunning(String),
    /// It runs.
    #[error("the container {0} runs")]
    Running(String),
    /// It is paused, or it is not.
    #[error("the container {name} is {state}")]
    State {
        /// Which one.
        name: String,
        /// What it is.
        state: &'static str,
    },
    /// The program is not in the image.
    #[error("the container has no program {0:?}")]
    NotFound(String),
    /// The program is there and cannot be started.
    #[error("cannot start {program:?}: {why}")]
    NotExecutable {
        /// Which one.
        program: String,
        /// What the kernel answered.
        why: String,
    },
    /// What was asked for does not make a container.
    #[error("{why}")]
    Usage {
        /// What is wrong with it.
        why: String,
        /// What to do instead.
        hint: String,
    },
    /// Its record is not as it should be.
    #[error("{0}")]
    Damaged(String),
    /// A process of ours did not do its part in time.
    #[error("{0}")]
    Late(String),
    /// Whoever looked on has left.
    #[error("left before the program was started: nothing of the container remains")]
    Left,
    /// A signal came before there was a program to get it.
    #[error("{0} came before the program was started: nothing of the container remains")]
    Interrupted(Sig),
    /// The kernel refused a call.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// This machine does not let this user set limits.
    #[error(transparent)]
    Cgroup(#[from] Missing),
    /// Its image cannot be had.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The system refused something else.
    #[error("{what}: {}", answer(why))]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        why: io::Error,
    },
}

impl Error {
    /// What was asked for does not make a container.
    pub fn usage(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Usage { why: why.into(), hint: hint.into() }
    }

    /// What stands in the way, and what to do about it.
    pub fn explained(&self) -> Refusal {
        let hint = match self {
            Error::Unknown(_) => "glassbox ps -a lists what there is".into(),
            Error::Ambiguous { .. } => "write more of it: glassbox ps -a --no-trunc".into(),
            Error::Name(_) => "a name begins with a letter or digit, and has '_', '.' and '-' besides".into(),
            Error::NameTaken { name, .. } => {
                format!("remove that one, or take another name: glassbox rm {name}")
            }
            Error::NotRunning(name) => {
                format!("glassbox logs {name} shows what it wrote; run starts a new one")
            }
            Error::Running(name) => format!("stop it first, or remove it as it is: glassbox rm -f {name}"),
            Error::State { .. } => "glassbox ps -a shows the state of each".into(),
            Error::NotFound(_) => "glassbox run IMAGE ls /bin lists what an image has".into(),
            Error::NotExecutable { .. } => {
                "it has to be a file for this processor that may be executed".into()
            }
            Error::Usage { hint, .. } => hint.clone(),
            Error::Damaged(_) => "glassbox rm -f removes it".into(),
            Error::Late(_) => "try it again; glassbox sweep clears away what was left".into(),
            Error::Interrupted(_) => "run it again".into(),
            Error::Left => "without --explain it starts at once".into(),
            Error::Kernel(error) => return explain(error),
            Error::Cgroup(missing) => return explain(missing),
            Error::Image(error) => return error.explained(),
            Error::Io { what, why } => return explain(Attempt::system(what, why)),
        };
        Refusal { why: self.to_string(), hint }
    }

    /// The exit code of `run` and `exec`, as docker has it: the program was not found, could not be started, or the
    /// container could not be made.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NotRunning(_) => 1,
            Error::NotFound(_) => 127,
            Error::NotExecutable { .. } => 126,
            Error::Interrupted(signal) => 128 + *signal as u8,
            _ => 125,
        }
    }
}

/// Adds what was being done to an I/O error.
pub(crate) fn doing<T>(what: impl Into<String>, result: io::Result<T>) -> Result<T> {
    result.map_err(|why| Error::Io { what: what.into(), why })
}
