//! Reads the kernel's state. A [`Reading`] knows the path that it was read from.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::kernel::{Errno, short};

pub mod around;
pub mod block;
pub mod cgroup;
pub mod clock;
pub mod cpu;
pub mod files;
pub mod frame;
pub mod handle;
pub mod ipc;
pub mod kernel_image;
pub mod layers;
pub mod memory;
pub mod mounts;
pub mod net;
pub mod process;
pub mod programs;
pub mod systemd;
pub mod uts;

/// Something that the kernel said, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it is called in a table: `4242 ns/pid`.
    pub label: String,
    /// The file that it was read from, with the field in it.
    pub source: String,
    /// What was read.
    pub text: String,
    /// What it is called on machines of another kind, if that is another name.
    pub elsewhere: Option<String>,
    /// Whether another run on the same machine can read something else.
    pub varies: bool,
}

/// A state that could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read {path}: {why}")]
pub struct Unreadable {
    /// The path that was tried.
    pub path: String,
    /// What the kernel answered.
    pub why: String,
    /// The same as a number; none where the kernel did not refuse, and something else is wrong.
    pub errno: Option<Errno>,
}

/// The result of a probe.
pub type Result<T> = std::result::Result<T, Unreadable>;

impl Reading {
    /// A reading of a whole file or link.
    pub fn new(label: impl Into<String>, source: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), source: source.into(), text: text.into(), elsewhere: None, varies: false }
    }

    /// Mark it as different from run to run, such as a measured amount.
    pub fn varying(mut self) -> Self {
        self.varies = true;
        self
    }

    /// Under another name in tables.
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The numbers in it, in order.
    pub fn numbers(&self) -> Vec<u64> {
        self.text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// The last number in it: for `NSpid:`, the one in the innermost namespace.
    pub fn innermost(&self) -> Option<u64> {
        self.numbers().last().copied()
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unreadable(path: &Path, why: impl fmt::Display) -> Unreadable {
    Unreadable { path: path.display().to_string(), why: why.to_string(), errno: None }
}

fn refused(path: &Path, error: &io::Error) -> Unreadable {
    Unreadable { errno: error.raw_os_error().map(Errno::from_raw), ..unreadable(path, error) }
}

fn text(path: &Path) -> Result<String> {
    // What a process calls itself need not be UTF-8.
    let bytes = short::read(path).map_err(|error| refused(path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where a symbolic link leads.
pub fn link(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = fs::read_link(path).map_err(|error| refused(path, &error))?;
    // What Linux 5.10 gives, instead of a refusal, to whoever may not read a link of /proc/PID/ns.
    if target.as_os_str().is_empty() {
        return Err(refused(path, &Errno::EACCES.into()));
    }
    Ok(Reading::new(name, path.display().to_string(), target.to_string_lossy()))
}

/// A whole file, without the line end.
pub fn file(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Reading::new(name, path.display().to_string(), text(path)?.trim_end()))
}

/// The value behind a key, in a file of lines `key value` or `key: value`.
fn keyed(path: &Path, key: &str) -> Result<String> {
    text(path)?
        .lines()
        .find_map(|line| {
            let rest = line.strip_prefix(key)?;
            let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix([' ', '\t']))?;
            Some(rest.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .ok_or_else(|| unreadable(path, format!("it has no {key}")))
}

/// Read until it holds, for as long as the kernel may take for what it does behind the scenes: ten seconds.
/// The last reading is the answer, whether it holds or not.
pub fn until<E>(
    read: impl Fn() -> std::result::Result<Reading, E>,
    holds: impl Fn(&Reading) -> bool,
) -> std::result::Result<Reading, E> {
    const TRIES: usize = 1000;
    for _ in 0..TRIES {
        let reading = read()?;
        if holds(&reading) {
            return Ok(reading);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    read()
}
