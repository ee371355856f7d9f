//! Names are taken away, and with the last one an image; with the last image that has it, a layer.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::manifest::{self, Index, Manifest};
use super::{Config, Digest, Error, Image, Reference, Result, Store, doing};
use crate::image::users::remove_tree;
use crate::kernel::at::{self, Lock, flock};

/// A container that needs an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The image's number.
    pub image: Digest,
    /// What the container is called.
    pub container: String,
}

/// What has been removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that mean nothing any more.
    pub untagged: Vec<String>,
    /// The image, if that was its last name.
    pub deleted: Option<Digest>,
}

/// What has been removed because nothing had a name for it.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Images.
    pub deleted: Vec<Digest>,
    /// How many bytes that gave back, of files in layers and in blobs.
    pub bytes: u64,
}

impl Store {
    /// Take a name away from an image; with the last name, or by its number, the image is removed.
    ///
    /// `in_use` says what containers there are; it is asked when no new one can come. An image of a container is
    /// not removed: with `force` it loses its names. By its number it goes with its names only if it has one at most,
    /// or with `force`.
    pub fn remove(
        &self,
        given: &str,
        force: bool,
        in_use: impl FnOnce() -> Result<Vec<InUse>>,
    ) -> Result<Removed> {
        self.alone(|| {
            let index = self.index()?;
            let image = self.read(&index, &self.find(&index, given)?)?;
            let name = Reference::parse(given).ok().and_then(|name| image.name(&name).cloned());
            let goes = match &name {
                Some(name) => image.names.iter().all(|other| other.full() == name.full()),
                None => true,
            };
            let used = in_use()?.into_iter().find(|user| user.image == image.id).filter(|_| goes);
            if let Some(InUse { container, .. }) = &used
                && !force
            {
                return Err(Error::InUse {
                    image: image.shown(),
                    by: format!("the container {container} is of it"),
                });
            }
            if name.is_none() && image.names.len() > 1 && !force {
                let names: Vec<String> = image.names.iter().map(ToString::to_string).collect();
                return Err(Error::Named { image: image.id.short().into(), names: names.join(", ") });
            }
            let gone: Vec<Reference> = name.map_or(image.names.clone(), |name| vec![name]);
            let deletes = goes && used.is_none();
            self.change_index(|index| {
                gone.iter().for_each(|name| index.take_name(name));
                if deletes {
                    index.manifests.retain(|other| other.digest != image.manifest.digest);
                }
            })?;
            if deletes {
                self.remove_unreferenced()?;
            }
            let untagged = gone.iter().map(ToString::to_string).collect();
            Ok(Removed { untagged, deleted: deletes.then_some(image.id) })
        })
    }

    /// Remove images without a name, or with `all` every image, that no container needs; and what builds would begin
    /// with another time.
    pub fn prune(&self, all: bool, in_use: impl FnOnce() -> Result<Vec<InUse>>) -> Result<Pruned> {
        self.alone(|| {
            let in_use = in_use()?;
            let unwanted = |image: &Image| {
                (all || image.names.is_empty()) && !in_use.iter().any(|user| user.image == image.id)
            };
            let images: Vec<Image> = self.images()?.into_iter().filter(unwanted).collect();
            let digests: BTreeSet<Digest> =
                images.iter().map(|image| image.manifest.digest.clone()).collect();
            self.change_index(|index| index.manifests.retain(|other| !digests.contains(&other.digest)))?;
            self.forget_steps()?;
            let bytes = self.remove_unreferenced()?;
            Ok(Pruned { deleted: images.into_iter().map(|image| image.id).collect(), bytes })
        })
    }

    /// While nobody else has the store open. Whoever is killed in it leaves a directory that says so.
    fn alone<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        flock(&self.lock, Lock::Alone)?;
        let _mark = self.work()?;
        let done = work();
        flock(&self.lock, Lock::Shared)?;
        done
    }

    /// Remove blobs and layers that no image needs. How many bytes they had.
    pub(super) fn remove_unreferenced(&self) -> Result<u64> {
        let (blobs, layers) = self.referenced(&self.index()?)?;
        let work = self.work()?;
        let mut bytes = 0;
        for (name, path) in self.listed("blobs/sha256")? {
            if !blobs.contains(&name) {
                bytes += fs::metadata(&path).map_or(0, |meta| meta.len());
                doing(format!("cannot remove {}", path.display()), fs::remove_file(&path))?;
            }
        }
        for (name, path) in self.listed("layers")? {
            let digits = name.strip_suffix(".json").unwrap_or(&name);
            if layers.contains(digits) {
                continue;
            }
            if digits == name {
                let facts = path.with_extension("json");
                let size = fs::read(&facts).ok().and_then(|json| serde_json::from_slice(&json).ok());
                bytes += size.map_or(0, |facts: super::Unpacked| facts.size);
                // In one step, so that no half of a layer is ever taken for one.
                at::rename(&path, &work.path(&name))?;
                remove_tree(&self.users, &work.path(&name))?;
            }
        }
        for (name, path) in self.listed("layers")? {
            if name.strip_suffix(".json").is_some_and(|digits| !layers.contains(digits)) {
                doing(format!("cannot remove {}", path.display()), fs::remove_file(&path))?;
            }
        }
        Ok(bytes)
    }

    /// The names of all blobs and of all layers that images need.
    fn referenced(&self, index: &Index) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let of_steps: BTreeSet<String> =
            self.layers_of_steps()?.iter().map(|digest| digest.hex().to_string()).collect();
        let (mut blobs, mut layers) = (of_steps.clone(), of_steps);
        for descriptor in &index.manifests {
            let manifest: Manifest = manifest::parse("a manifest", &self.read_blob(&descriptor.digest)?)?;
            let config: Config =
                manifest::parse("a configuration", &self.read_blob(&manifest.config.digest)?)?;
            let parts = manifest.layers.iter().chain([&manifest.config, descriptor]);
            blobs.extend(parts.map(|part| part.digest.hex().to_string()));
            for diff_id in &config.rootfs.diff_ids {
                layers.insert(Digest::parse(diff_id)?.hex().to_string());
            }
        }
        Ok((blobs, layers))
    }

    fn listed(&self, dir: &str) -> Result<Vec<(String, PathBuf)>> {
        let dir = self.dir.join(dir);
        let entries = doing(format!("cannot read {}", dir.display()), fs::read_dir(&dir))?;
        let entries = entries.flatten();
        Ok(entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
    }
}
