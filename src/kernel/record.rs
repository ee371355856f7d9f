//! The tape: every call that a kernel function makes is recorded as it was executed.
//!
//! The tape belongs to a process, not to a call, so that code reads like the manual page:
//! `sethostname("web")?`. Without a tape a call costs one look at a thread-local variable.

use std::cell::RefCell;
use std::fmt::Display;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::{Errno, Error, Pid, Result};

/// One call, as executed.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name of the call, as in its manual page.
    pub name: &'static str,
    /// Its arguments, written as `strace` writes them.
    pub args: String,
    /// What came back.
    pub outcome: std::result::Result<String, Errno>,
    /// How long it took.
    pub duration: Duration,
}

/// Where calls are recorded.
pub trait Tape {
    /// A call returned.
    fn returned(&mut self, call: Call);
    /// A call is about to be made that, if it succeeds, never returns (`execve`).
    fn departing(&mut self, call: Call);
}

thread_local! {
    static TAPE: RefCell<Option<Box<dyn Tape>>> = const { RefCell::new(None) };
}

/// Record this process's calls on `tape`; `None` stops recording.
pub fn install(tape: Option<Box<dyn Tape>>) {
    TAPE.with(|slot| *slot.borrow_mut() = tape);
}

fn with_tape(write: impl FnOnce(&mut dyn Tape)) {
    TAPE.with(|slot| {
        // Already borrowed means that the tape itself makes a call: that one is not the lesson's.
        if let Ok(mut slot) = slot.try_borrow_mut()
            && let Some(tape) = slot.as_mut()
        {
            write(tape.as_mut());
        }
    });
}

/// Make a call, then record it.
pub(super) fn call<T: Returned>(
    name: &'static str,
    args: impl Fn() -> String,
    make: impl FnOnce() -> nix::Result<T>,
) -> Result<T> {
    let started = Instant::now();
    let result = make();
    note(name, args, started.elapsed(), result)
}

/// Record a call that was made.
pub(super) fn note<T: Returned>(
    name: &'static str,
    args: impl Fn() -> String,
    duration: Duration,
    result: nix::Result<T>,
) -> Result<T> {
    with_tape(|tape| {
        let outcome = result.as_ref().map(T::shown).map_err(|errno| *errno);
        tape.returned(Call { name, args: args(), outcome, duration });
    });
    result.map_err(|errno| Error { call: name, args: args(), errno })
}

/// Announce a call that does not return on success, make it, and record only its failure.
pub(super) fn last_call(
    name: &'static str,
    args: impl Fn() -> String,
    make: impl FnOnce() -> Errno,
) -> Error {
    let outcome = Ok("0".into());
    with_tape(|tape| {
        tape.departing(Call { name, args: args(), outcome, duration: Duration::ZERO });
    });
    let errno = make();
    with_tape(|tape| {
        tape.returned(Call { name, args: args(), outcome: Err(errno), duration: Duration::ZERO });
    });
    Error { call: name, args: args(), errno }
}

/// How a return value is written down.
pub(super) trait Returned {
    fn shown(&self) -> String;
}

impl Returned for () {
    fn shown(&self) -> String {
        "0".into()
    }
}

impl Returned for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Returned for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Returned for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Returned for Pid {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Returned for super::raw::Mapping {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Returned for OwnedFd {
    fn shown(&self) -> String {
        self.as_raw_fd().to_string()
    }
}

/// A string argument in quotation marks, shortened when it is long.
pub(super) fn quoted(text: impl Display) -> String {
    const LONG: usize = 400;
    let text = text.to_string();
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("\"{}\"...", escaped(&text[..end])),
        None => format!("\"{}\"", escaped(&text)),
    }
}

/// As in C, where a digit after `\0` would belong to it.
fn escaped(text: &str) -> String {
    let mut signs = text.chars().peekable();
    let mut out = String::new();
    while let Some(sign) = signs.next() {
        match sign {
            '\0' if signs.peek().is_some_and(char::is_ascii_digit) => out.push_str("\\000"),
            '\'' => out.push(sign),
            _ => out.extend(sign.escape_debug()),
        }
    }
    out
}

/// A set of flags as `A|B`, and `0` for the empty set.
pub(super) fn flag_names<F: bitflags::Flags>(flags: &F) -> String {
    let names: Vec<&str> = flags.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "0".into() } else { names.join("|") }
}
