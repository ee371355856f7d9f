//! Why something with an image could not be done.

use std::io;

use crate::kernel;
use crate::kernel::error::answer;
use crate::machine::{Attempt, Refusal, explain};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something with an image could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no image of this name, number or digest.
    #[error("there is no image {0:?}")]
    Unknown(String),
    /// Several images have a number that begins so.
    #[error("{given:?} is the beginning of {count} images' numbers")]
    Ambiguous {
        /// What was asked for.
        given: String,
        /// How many.
        count: usize,
    },
    /// This is no name of an image.
    #[error("{given:?} cannot be the name of an image: {why}")]
    Name {
        /// What was asked for.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It may not be removed.
    #[error("the image {image} is in use: {by}")]
    InUse {
        /// Which one.
        image: String,
        /// By what.
        by: String,
    },
    /// It has other names, too.
    #[error("the image {image} has several names: {names}")]
    Named {
        /// Which one.
        image: String,
        /// What it is called.
        names: String,
    },
    /// An archive or the store itself is not as it should be.
    #[error("{0}")]
    Damaged(String),
    /// An archive wants something that no image needs.
    #[error("{0}")]
    Hostile(String),
    /// An archive is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// An archive has something that is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// Something is wrong with a Dockerfile.
    #[error("{why}")]
    Dockerfile {
        /// What.
        why: String,
        /// What to do instead.
        hint: String,
    },
    /// A program that a Dockerfile starts has failed.
    #[error("the command failed with exit code {code}: {command}")]
    Ended {
        /// Which one.
        command: String,
        /// Its exit code.
        code: u8,
    },
    /// Something is wrong at a line of a file.
    #[error("{place}: {what}")]
    At {
        /// Where, as in `Dockerfile:3`.
        place: String,
        /// What.
        what: Box<Error>,
    },
    /// The kernel refused a call.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The system refused something else.
    #[error("{what}: {}", answer(why))]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        why: io::Error,
    },
    /// Not as the image `tiny` needs it.
    #[error(transparent)]
    Tiny(#[from] super::tiny::Error),
    /// Another process was refused something, and knew what stood in its way.
    #[error("{}", .0.why)]
    Told(Refusal),
}

impl Error {
    /// What stands in the way, and what to do about it.
    pub fn explained(&self) -> Refusal {
        let hint = match self {
            Error::Unknown(name) if name.starts_with("tiny") => "glassbox run tiny makes it".into(),
            Error::Unknown(_) => "glassbox images lists what there is; glassbox load takes others in".into(),
            Error::Ambiguous { .. } => "write more of it: glassbox images --no-trunc".into(),
            Error::Name { .. } => "a name is like web, team/web:1.2 or registry.example/team/web:1.2".into(),
            Error::InUse { .. } => {
                "remove that container first, or take the name away alone: glassbox rmi -f".into()
            }
            Error::Named { image, .. } => {
                format!("take them away one by one, or all: glassbox rmi -f {image}")
            }
            Error::Damaged(_) => "get it again: it is incomplete, or was changed on its way".into(),
            Error::Hostile(_) => "nothing of it was kept: ask whoever made it what it is for".into(),
            Error::TooLarge(_) => "if you trust it, allow more: glassbox load --limit 100g".into(),
            Error::Unsupported(_) => "let skopeo or podman write it again as an OCI archive".into(),
            Error::Dockerfile { hint, .. } => hint.clone(),
            Error::Ended { .. } => {
                "what it wrote is above; the steps before it need not be done again".into()
            }
            Error::At { place, what } => {
                let Refusal { why, hint } = what.explained();
                return Refusal { why: format!("{place}: {why}"), hint };
            }
            Error::Kernel(error) => return explain(error),
            Error::Io { what, why } => return explain(Attempt::system(what, why)),
            Error::Tiny(error) => return explain(error),
            Error::Told(refusal) => return refusal.clone(),
        };
        Refusal { why: self.to_string(), hint }
    }

    /// The exit code of a command that ends so: that of the program which failed in its stead.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Ended { code, .. } => *code,
            Error::At { what, .. } => what.exit_code(),
            _ => 1,
        }
    }

    /// The same, of a part of something.
    pub(super) fn of(self, whole: &str) -> Self {
        match self {
            Error::Damaged(why) => Error::Damaged(format!("{whole}: {why}")),
            Error::Hostile(why) => Error::Hostile(format!("{whole}: {why}")),
            Error::TooLarge(why) => Error::TooLarge(format!("{whole}: {why}")),
            Error::Unsupported(why) => Error::Unsupported(format!("{whole}: {why}")),
            other => other,
        }
    }
}

/// What went wrong in reading an archive: the disk, or its content.
pub(super) fn reading(error: io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return Error::Io { what: "cannot read the archive".into(), why: error };
    }
    Error::Damaged(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends in the middle".into(),
        _ => format!("it cannot be unpacked ({error})"),
    })
}

/// Adds what was being done to an I/O error.
pub(super) fn doing<T>(what: impl Into<String>, result: io::Result<T>) -> Result<T> {
    result.map_err(|why| Error::Io { what: what.into(), why })
}
