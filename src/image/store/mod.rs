//! The images of this user: an OCI layout with the layers unpacked beside it.
//!
//! ```text
//! images/
//!   oci-layout, index.json     which images there are, and their names
//!   blobs/sha256/DIGEST        manifests, configurations, layers as they came
//!   layers/DIFF_ID/            each layer once, unpacked: a lower directory for overlayfs
//!   layers/DIFF_ID.json        what came of unpacking it
//!   steps/KEY                  the layer that a step of a build made, for the next build
//!   tmp/WORK/                  what is being made
//!   lock, index.lock
//! ```
//! Everything is made in `tmp` and then renamed. Two locks keep commands out of each other's way:
//!
//! | lock | shared | alone |
//! | --- | --- | --- |
//! | `lock` | whoever has the store open: nothing may vanish | whoever removes |
//! | `index.lock` | | whoever adds, for a moment |
//!
//! A directory in `tmp` is locked by the command that made it. One that nobody locks belongs to a command that was
//! killed: the next one removes it, and what nothing refers to.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

mod add;
mod find;
mod remove;
mod steps;
mod work;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) use add::Arrival;
pub use remove::{InUse, Pruned, Removed};
pub(super) use steps::Step;
pub(super) use work::Work;

use super::digest::Digest;
use super::error::{Error, Result, doing};
use super::manifest::{self, Descriptor, Index, LAYOUT, Manifest};
use super::unpack::Unpacked;
use super::{Config, Reference, Users, tiny};
use crate::kernel::at::{self, Lock, flock};
use crate::kernel::short;

/// The images of this user. While it is open, no other command removes anything.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    users: Users,
    lock: File,
    cleared: usize,
}

/// An image that is in the store.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its number: the digest of its configuration.
    pub id: Digest,
    /// What it is called; nothing, if its name was given to another one.
    pub names: Vec<Reference>,
    /// What containers of it start with, and what it came from.
    pub config: Config,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// What refers to it in the index.
    manifest: Descriptor,
    /// The blobs of its layers, as they came.
    blobs: Vec<Descriptor>,
    config_blob: Descriptor,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its archive before compression.
    pub diff_id: Digest,
    /// Its directory, for overlayfs; with `userxattr` where [`Users::is_rootless`].
    pub path: PathBuf,
    /// How many bytes its files have.
    pub size: u64,
    /// How many bytes its archive has before compression.
    pub archive: u64,
}

impl Image {
    /// How many bytes the files of all layers have.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// The one of its names that is meant, if one is.
    pub(super) fn name(&self, meant: &Reference) -> Option<&Reference> {
        let named = |name: &Reference| self.names.iter().find(|other| other.full() == name.full());
        named(meant).or_else(|| named(&meant.local()?))
    }

    /// What refers to its manifest.
    pub(super) fn manifest(&self) -> &Descriptor {
        &self.manifest
    }

    /// Its layers as they came, the lowest first.
    pub(super) fn blobs(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// Its configuration as it came.
    pub(super) fn config_blob(&self) -> &Descriptor {
        &self.config_blob
    }

    /// What people call it: its first name, or the beginning of its number.
    pub fn shown(&self) -> String {
        self.names.first().map_or_else(|| self.id.short().into(), ToString::to_string)
    }
}

impl Store {
    /// Where it is below the state directory.
    pub fn place(state: &Path) -> PathBuf {
        state.join("images")
    }

    /// Open the store in this directory, and make it if it is not there. What commands have left that were killed
    /// is cleared away.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_for(Users::of_caller(), dir)
    }

    /// The same for whoever has found out already who he is.
    pub fn open_for(users: Users, dir: &Path) -> Result<Self> {
        let made = || -> std::io::Result<File> {
            // For nobody else: layers have programs that run as root, and devices.
            private().create(dir)?;
            lock_file(&dir.join("lock"))
        };
        let lock = match lock_file(&dir.join("lock")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => made(),
            opened => opened,
        };
        let what = || format!("cannot make the image store {}", dir.display());
        let lock = doing(what(), lock)?;
        flock(&lock, Lock::Shared)?;
        let mut store = Self { dir: dir.into(), users, lock, cleared: 0 };
        // The last thing that is made: whoever finds it finds everything.
        if !dir.join("oci-layout").exists() {
            let mut below = ["blobs/sha256", "layers", "tmp"].into_iter();
            doing(what(), below.try_for_each(|below| private().create(dir.join(below))))?;
            store.write("oci-layout", LAYOUT.as_bytes())?;
        }
        store.cleared = store.clear_leftovers()?;
        Ok(store)
    }

    /// Of how many killed commands it was cleared when it was opened.
    pub fn cleared(&self) -> usize {
        self.cleared
    }

    /// Who its layers belong to.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// The image that a name, a number or the beginning of one means.
    ///
    /// The image `tiny` is made when it is asked for the first time.
    pub fn image(&self, reference: &str) -> Result<Image> {
        let index = self.index()?;
        match self.find(&index, reference) {
            Err(Error::Unknown(_)) if tiny::is_meant(reference) => tiny::make(self),
            found => self.read(&index, &found?),
        }
    }

    /// The image with this number.
    pub(super) fn image_of_id(&self, id: &Digest) -> Result<Option<Image>> {
        Ok(self.images()?.into_iter().find(|image| image.id == *id))
    }

    /// Every image, in the order in which they came.
    pub fn images(&self) -> Result<Vec<Image>> {
        let index = self.index()?;
        let mut images: BTreeMap<&Digest, (usize, Image)> = BTreeMap::new();
        for (at, descriptor) in index.manifests.iter().enumerate() {
            if !images.contains_key(&descriptor.digest) {
                images.insert(&descriptor.digest, (at, self.read(&index, descriptor)?));
            }
        }
        let mut images: Vec<_> = images.into_values().collect();
        images.sort_by_key(|(at, _)| *at);
        Ok(images.into_iter().map(|(_, image)| image).collect())
    }

    /// Give an image another name. An image that had it loses it.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<()> {
        self.change_index(|index| {
            index.take_name(name);
            index
                .manifests
                .retain(|other| other.digest != image.manifest.digest || other.annotations.is_some());
            index.manifests.push(image.manifest.named(Some(name)));
        })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.dir.join("layers").join(diff_id.hex())
    }

    fn layer_facts(&self, diff_id: &Digest) -> PathBuf {
        self.dir.join("layers").join(format!("{}.json", diff_id.hex()))
    }

    /// Open a blob, such as a layer as it came.
    pub(super) fn open_blob(&self, digest: &Digest) -> Result<File> {
        doing(format!("cannot read {digest} in the image store"), File::open(self.blob(digest)))
    }

    fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        doing(format!("cannot read {digest} in the image store"), short::read(self.blob(digest)))
    }

    fn index(&self) -> Result<Index> {
        match short::read(self.dir.join("index.json")) {
            Ok(json) => manifest::parse("the index of the image store", &json),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Index::new(vec![])),
            Err(error) => doing("cannot read the image store's index", Err(error)),
        }
    }

    /// Change the index, alone and in one step.
    fn change_index<T>(&self, change: impl FnOnce(&mut Index) -> T) -> Result<T> {
        let lock = doing("cannot lock the image store", lock_file(&self.dir.join("index.lock")))?;
        flock(&lock, Lock::Alone)?;
        let mut index = self.index()?;
        let result = change(&mut index);
        self.write("index.json", &manifest::write(&index)?)?;
        Ok(result)
    }

    /// A whole file, from one moment to the next.
    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let work = self.work()?;
        let mut file = work.file(name)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        doing(format!("cannot write {}", self.dir.join(name).display()), written)?;
        Ok(at::rename(&work.path(name), &self.dir.join(name))?)
    }

    /// What a descriptor of the index refers to.
    fn read(&self, index: &Index, descriptor: &Descriptor) -> Result<Image> {
        let manifest: Manifest = manifest::parse("a manifest", &self.read_blob(&descriptor.digest)?)?;
        let config: Config = manifest::parse("a configuration", &self.read_blob(&manifest.config.digest)?)?;
        let layer = |diff_id: &String| {
            let diff_id = Digest::parse(diff_id)?;
            let facts =
                doing("cannot read the image store's layers", short::read(self.layer_facts(&diff_id)))?;
            let facts: Unpacked = manifest::parse("what is known of a layer", &facts)?;
            Ok(Layer { path: self.layer(&diff_id), diff_id, size: facts.size, archive: facts.archive })
        };
        let layers = config.rootfs.diff_ids.iter().map(layer).collect::<Result<Vec<_>>>()?;
        let same = index.manifests.iter().filter(|other| other.digest == descriptor.digest);
        let names = same.filter_map(name_of).collect();
        Ok(Image {
            id: manifest.config.digest.clone(),
            names,
            config,
            layers,
            manifest: Descriptor { annotations: None, ..descriptor.clone() },
            blobs: manifest.layers,
            config_blob: manifest.config,
        })
    }
}

impl Index {
    /// Take a name away from whatever has it. Without any name, an image is still there by its number.
    fn take_name(&mut self, name: &Reference) {
        let full = name.full();
        let Some(at) = self.manifests.iter().position(|descriptor| full_name(descriptor) == Some(&full))
        else {
            return;
        };
        let nameless = self.manifests.remove(at).named(None);
        if !self.manifests.iter().any(|other| other.digest == nameless.digest) {
            self.manifests.insert(at, nameless);
        }
    }
}

/// What an image is called in the index.
fn full_name(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotation(manifest::FULL_NAME)
}

fn name_of(descriptor: &Descriptor) -> Option<Reference> {
    Reference::parse(full_name(descriptor)?).ok()
}

fn private() -> DirBuilder {
    let mut private = DirBuilder::new();
    private.mode(0o700).recursive(true);
    private
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}
