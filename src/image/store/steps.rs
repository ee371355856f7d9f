//! Layers that steps of builds have made, under keys made of all that they depend on.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::manifest::{self, Descriptor};
use super::{Arrival, Digest, Result, Store, doing, private};
use crate::kernel::at;

/// What a step has made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::image) struct Step {
    /// The archive of its layer, which is not compressed.
    pub(in crate::image) layer: Descriptor,
    /// When, as RFC 3339 writes it.
    pub(in crate::image) created: String,
}

impl Store {
    fn steps(&self) -> PathBuf {
        self.dir.join("steps")
    }

    /// What the step with this key has made, if it has been done.
    pub(in crate::image) fn step(&self, key: &Digest) -> Result<Option<Step>> {
        let Ok(json) = fs::read(self.steps().join(key.hex())) else { return Ok(None) };
        let step: Step = manifest::parse("what is known of a step", &json)?;
        let digest = &step.layer.digest;
        let is_there =
            self.layer(digest).exists() && self.layer_facts(digest).exists() && self.blob(digest).exists();
        Ok(Some(step).filter(|_| is_there))
    }

    /// Keep what a step has made, whose layer is about to arrive.
    pub(in crate::image) fn keep_step(&self, arrival: Arrival, key: &Digest, step: &Step) -> Result<()> {
        arrival.commit(&[])?;
        doing(format!("cannot make {}", self.steps().display()), private().create(self.steps()))?;
        let work = self.work()?;
        let (path, json) = (work.path("step"), manifest::write(step)?);
        doing(format!("cannot write {}", path.display()), fs::write(&path, json))?;
        Ok(at::rename(&path, &self.steps().join(key.hex()))?)
    }

    /// Forget all steps; their layers go with whatever else nobody needs.
    pub(super) fn forget_steps(&self) -> Result<()> {
        match fs::remove_dir_all(self.steps()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => doing("cannot remove what is known of steps", removed),
        }
    }

    /// The layers of all steps.
    pub(super) fn layers_of_steps(&self) -> Result<Vec<Digest>> {
        let Ok(entries) = fs::read_dir(self.steps()) else { return Ok(vec![]) };
        let read = |entry: fs::DirEntry| {
            let json = doing("cannot read what is known of a step", fs::read(entry.path()))?;
            Ok(manifest::parse::<Step>("what is known of a step", &json)?.layer.digest)
        };
        entries.flatten().map(read).collect()
    }

    /// The directory of a layer.
    pub(in crate::image) fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.layer(diff_id)
    }
}
