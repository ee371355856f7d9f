//! Why something failed, in a form that one process can tell another.

use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::kernel::{self, Errno};

/// An error on its way.
#[derive(Serialize, Deserialize)]
pub(super) enum Failure {
    Call { call: String, args: String, errno: i32 },
    Io { what: String, errno: i32 },
    NotFound(String),
    NotRunning(String),
    NotExecutable { program: String, why: String },
    Usage { why: String, hint: String },
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Kernel(kernel::Error { call, args, errno }) => {
                Failure::Call { call: (*call).into(), args: args.clone(), errno: *errno as i32 }
            }
            Error::Io { what, why } => {
                Failure::Io { what: what.clone(), errno: kernel::error::io_errno(why) as i32 }
            }
            Error::NotFound(program) => Failure::NotFound(program.clone()),
            Error::NotRunning(name) => Failure::NotRunning(name.clone()),
            Error::NotExecutable { program, why } => {
                Failure::NotExecutable { program: program.clone(), why: why.clone() }
            }
            other => {
                let refusal = other.explained();
                Failure::Usage { why: refusal.why, hint: refusal.hint }
            }
        }
    }

    pub(super) fn error(self) -> Error {
        match self {
            // A name has to live as long as those that are in the program: a few bytes for a failed start.
            Failure::Call { call, args, errno } => {
                kernel::Error { call: call.leak(), args, errno: Errno::from_raw(errno) }.into()
            }
            Failure::Io { what, errno } => Error::Io { what, why: Errno::from_raw(errno).into() },
            Failure::NotFound(program) => Error::NotFound(program),
            Failure::NotRunning(name) => Error::NotRunning(name),
            Failure::NotExecutable { program, why } => Error::NotExecutable { program, why },
            Failure::Usage { why, hint } => Error::Usage { why, hint },
        }
    }
}
