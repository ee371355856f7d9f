//! What the learner has done: one readable file in the state directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state::write_atomically;

/// Everything that is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// By the name of the lesson.
    #[serde(default)]
    pub lessons: BTreeMap<String, Record>,
}

/// What is kept of a lesson.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Whether it was done to its end.
    #[serde(default)]
    pub done: bool,
    /// The step to go on with; 0 at the beginning.
    #[serde(default)]
    pub step: usize,
    /// How many predictions the kernel made true, in the last run to the end.
    #[serde(default)]
    pub predicted_right: usize,
    /// Of how many.
    #[serde(default)]
    pub predicted: usize,
}

/// The file of a state directory.
pub fn path(state: &Path) -> PathBuf {
    state.join("progress.json")
}

impl Progress {
    /// Read it. A damaged file is set aside; the second value says where.
    pub fn load(state: &Path) -> io::Result<(Self, Option<PathBuf>)> {
        let path = path(state);
        let content = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Self::default(), None)),
            content => content?,
        };
        if let Ok(progress) = serde_json::from_slice(&content) {
            return Ok((progress, None));
        }
        let aside = (1..)
            .map(|number| path.with_extension(format!("json.damaged-{number}")))
            .find(|candidate| !candidate.exists())
            .unwrap_or_else(|| path.with_extension("json.damaged"));
        fs::rename(&path, &aside)?;
        Ok((Self::default(), Some(aside)))
    }

    /// Keep it.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        write_atomically(&path(state), &serde_json::to_vec_pretty(self)?)
    }

    /// What is kept of one lesson.
    pub fn lesson(&self, id: &str) -> Record {
        self.lessons.get(id).cloned().unwrap_or_default()
    }

    /// Change what is kept of one lesson.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Record)) {
        change(self.lessons.entry(id.into()).or_default());
    }
}
