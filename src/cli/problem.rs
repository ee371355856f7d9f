//! What went wrong, in one line, and what to do about it, in another.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::error::Error;
use crate::machine::Refusal;

/// A problem to be told to the user.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hint: String,
    code: u8,
}

impl Problem {
    /// Something that was asked for in the wrong way: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), code: 2 }
    }

    /// Something that this machine cannot do: exit code 3.
    pub(crate) fn cannot(what: &str, refusal: &Refusal) -> Self {
        Self { message: format!("{what}: {}", refusal.why), hint: refusal.hint.clone(), code: 3 }
    }

    /// Something that the system refused: exit code 1.
    pub(crate) fn failed(
        what: impl Into<String>,
        why: impl std::fmt::Display,
        hint: impl Into<String>,
    ) -> Self {
        Self { message: format!("{}: {why}", what.into()), hint: hint.into(), code: 1 }
    }

    /// A lab's scene that could not be set, or an examination that could not be made.
    pub(crate) fn stage(what: &str, error: &Error) -> Self {
        let hint = match error {
            Error::Io { why, .. } => hint_for_disk(why),
            _ => None,
        };
        Self { message: format!("{what}: {error}"), hint: hint.unwrap_or_else(|| error.hint()), code: 1 }
    }

    /// Tell it, and give its exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        use colored::Colorize;
        // Standard error may be a terminal that is gone: then there is nobody to be told.
        let mut out = io::stderr().lock();
        if !self.message.is_empty() {
            let _ = writeln!(out, "{} {}", "error:".red().bold(), self.message);
        }
        if !self.hint.is_empty() {
            let _ = writeln!(out, "{} {}", "hint:".yellow(), self.hint);
        }
        ExitCode::from(self.code)
    }
}

/// Output that cannot be written.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        // Whoever read it has had enough, as in `glassbox learn pid --auto | head`: nothing to be told.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { message: String::new(), hint: String::new(), code: 1 };
        }
        Self::failed("cannot write the output", error, "look at where the output goes: is that disk full?")
    }
}

/// The user's state directory.
pub(crate) fn state_directory() -> Result<std::path::PathBuf, Problem> {
    crate::state::directory().ok_or_else(|| {
        Problem::usage(
            "neither XDG_STATE_HOME nor HOME names a directory",
            "set one: XDG_STATE_HOME=$(mktemp -d) glassbox",
        )
    })
}

/// A problem with a file in the state directory.
pub(crate) fn unwritable(path: &std::path::Path, error: &std::io::Error) -> Problem {
    Problem::failed(
        format!("cannot write below {}", path.display()),
        error,
        hint_for_disk(error).unwrap_or_else(|| ELSEWHERE.into()),
    )
}

const ELSEWHERE: &str = "point XDG_STATE_HOME at a directory of yours: XDG_STATE_HOME=$(mktemp -d) glassbox";

/// What to do when the state directory cannot be written to, if it is that.
fn hint_for_disk(error: &io::Error) -> Option<String> {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull => Some(format!("make room on that disk, or {ELSEWHERE}")),
        NotADirectory | PermissionDenied | ReadOnlyFilesystem => Some(ELSEWHERE.into()),
        _ => None,
    }
}
