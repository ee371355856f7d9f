//! What is kept of a lab between two commands: one small file each.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Item;
use crate::trace::{Identity, ledger};

/// A lab that was started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The lesson that it belongs to.
    pub lab: String,
    /// What was drawn for this student and this start.
    pub values: BTreeMap<String, String>,
    /// The process that holds the scene, if there is one.
    pub holder: Option<Identity>,
    /// The boot during which it was started: scenes end with it.
    pub boot_id: String,
    /// How many hints were taken for each claim.
    pub hints: BTreeMap<String, usize>,
    /// How often it was checked.
    pub checks: usize,
    /// Whether a check passed.
    pub passed: bool,
    /// Whether the reference solution was used.
    pub solved_for_me: bool,
    /// The answer that was checked last, where the lab asks a question.
    #[serde(default)]
    pub answer: Option<String>,
    /// What the last check saw.
    #[serde(default)]
    pub claims: Vec<Item>,
}

impl Record {
    /// A value that was drawn; empty if it never was.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// A number that was drawn.
    pub fn number(&self, name: &str) -> u64 {
        self.value(name).parse().unwrap_or(0)
    }

    /// Whether everything that the scene needs is still there.
    pub fn scene_stands(&self) -> bool {
        self.boot_id == boot_id() && self.holder.is_none_or(Identity::is_alive)
    }

    /// The pid of the process that holds the scene.
    pub fn holder_pid(&self) -> i32 {
        self.holder.map_or(0, |holder| holder.pid)
    }
}

/// This boot's identity.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| String::new(), |id| id.trim().into())
}

/// Where records are kept.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// In `state`, the user's state directory.
    pub fn new(state: &Path) -> Self {
        Self { dir: state.join("labs") }
    }

    /// A directory for what belongs to the scene of one lab.
    pub fn scene_dir(&self, lab: &str) -> PathBuf {
        self.dir.join(lab)
    }

    /// The ledger of what a lab left on the host on purpose.
    pub fn ledger(&self, lab: &str) -> PathBuf {
        self.dir.join(format!("{lab}.ledger"))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn file(&self, lab: &str) -> PathBuf {
        self.dir.join(format!("{lab}.json"))
    }

    /// The record of a lab, if it was started.
    pub fn load(&self, lab: &str) -> io::Result<Option<Record>> {
        match fs::read(self.file(lab)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            content => Ok(Some(serde_json::from_slice(&content?)?)),
        }
    }

    /// Keep a record: written beside the old one, then put in its place.
    pub fn save(&self, record: &Record) -> io::Result<()> {
        crate::state::write_atomically(&self.file(&record.lab), &serde_json::to_vec_pretty(record)?)
    }

    /// Forget a lab, and remove what its scene consists of.
    pub fn forget(&self, lab: &str) -> io::Result<Vec<String>> {
        let left = match ledger::settle(&self.ledger(lab)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
            left => left?,
        };
        match fs::remove_file(self.file(lab)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(left),
        }
    }
}
