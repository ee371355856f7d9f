//! What went wrong, in one line, and what to do about it, in another.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::error::Error;
use crate::machine::{Attempt, Refusal, explain};
use crate::present::Terminal;

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

    /// Something that was there, or should have been: exit code 1.
    pub(crate) fn gone(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), code: 1 }
    }

    /// Something that this machine cannot do: exit code 3.
    pub(crate) fn cannot(what: &str, refusal: &Refusal) -> Self {
        Self { message: format!("{what}: {}", refusal.why), hint: refusal.hint.clone(), code: 3 }
    }

    /// Something that went wrong: exit code 1.
    pub(crate) fn failed(
        what: impl Into<String>,
        why: impl std::fmt::Display,
        hint: impl Into<String>,
    ) -> Self {
        Self { message: format!("{}: {why}", what.into()), hint: hint.into(), code: 1 }
    }

    /// Something that was refused: exit code 1.
    pub(crate) fn refused(attempt: Attempt) -> Self {
        let Refusal { why, hint } = explain(attempt);
        Self { message: why, hint, code: 1 }
    }

    /// Something that the system refused: a sentence of what could not be done.
    pub(crate) fn system(what: &str, error: impl Into<io::Error>) -> Self {
        Self::refused(Attempt::system(what, &error.into()))
    }

    /// A lab's scene that could not be set, or an examination that could not be made.
    pub(crate) fn stage(what: &str, error: &Error) -> Self {
        let Refusal { why, hint } = error.explained();
        Self::failed(what, why, hint)
    }

    /// The same with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Its exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Tell it, and give its exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        use colored::Colorize;
        // Standard error may be a terminal that is gone: then there is nobody to be told.
        let mut out = io::stderr().lock();
        if !self.message.is_empty() {
            let message = sentence(&self.message, 7, io::stderr().is_terminal());
            let _ = writeln!(out, "{} {message}", "error:".red().bold());
        }
        if !self.hint.is_empty() {
            let _ = writeln!(out, "{} {}", "hint:".yellow(), self.hint);
        }
        ExitCode::from(self.code)
    }
}

/// A sentence behind something of this width, in lines of whole words where somebody reads it. For programs it stays
/// one line.
pub(crate) fn sentence(text: &str, behind: usize, for_a_person: bool) -> String {
    if !for_a_person {
        return text.into();
    }
    let options = textwrap::Options::new(Terminal::width().saturating_sub(behind)).break_words(false);
    let lines = textwrap::wrap(text, options);
    lines.join(&format!("\n{:behind$}", ""))
}

/// Tell something that is no problem, on standard error. Nobody may be there to be told.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// A lesson that could not be performed.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Output(error) => error.into(),
            other => {
                let Refusal { why, hint } = other.explained();
                Self { message: why, hint, code: 1 }
            }
        }
    }
}

/// Something with an image that could not be done.
impl From<crate::image::Error> for Problem {
    fn from(error: crate::image::Error) -> Self {
        let Refusal { why, hint } = error.explained();
        Self { message: why, hint, code: 1 }
    }
}

/// Something with a container that could not be done.
impl From<crate::container::Error> for Problem {
    fn from(error: crate::container::Error) -> Self {
        let Refusal { why, hint } = error.explained();
        Self { message: why, hint, code: 1 }
    }
}

/// Output that cannot be written.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        // Whoever read it has had enough, as in `glassbox learn pid --auto | head`: nothing to be told.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { message: String::new(), hint: String::new(), code: 1 };
        }
        Self::refused(Attempt::output(&error))
    }
}

/// The user's state directory.
pub(crate) fn state_directory() -> Result<PathBuf, Problem> {
    let Refusal { why, hint } = match crate::state::directory() {
        Some(directory) => return Ok(directory),
        None => explain(Attempt::home()),
    };
    Err(Problem::usage(why, hint))
}

/// A problem with a file in the state directory.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::refused(Attempt::state_directory(path, error))
}
