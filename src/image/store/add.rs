//! An image comes into the store: unpacked first, then in with everything that it needs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::manifest::{self, Descriptor};
use super::{Digest, Error, Image, Reference, Result, Store, Work, doing, lock_file};
use crate::image::unpack::{self, LeftOut, Unpacked};
use crate::kernel::at::{self, Lock, flock};

/// What is about to come in. Everything lies in the work directory, and goes away with it.
pub(in crate::image) struct Arrival<'a> {
    store: &'a Store,
    work: &'a Work,
    /// Blobs and where they lie; digests of layers that have been unpacked.
    blobs: Vec<(Digest, PathBuf)>,
    layers: BTreeSet<Digest>,
    /// What of them could not be had as it is in their archives.
    pub(in crate::image) left_out: LeftOut,
}

impl<'a> Arrival<'a> {
    pub(in crate::image) fn new(store: &'a Store, work: &'a Work) -> Self {
        Self { store, work, blobs: vec![], layers: BTreeSet::new(), left_out: LeftOut::default() }
    }

    /// A blob that lies in the work directory, and has this digest.
    pub(in crate::image) fn blob(&mut self, digest: &Digest, path: PathBuf) {
        self.blobs.push((digest.clone(), path));
    }

    /// A blob of these bytes.
    pub(in crate::image) fn bytes(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        let path = self.work.path(format!("json-{}", descriptor.digest.hex()));
        doing(format!("cannot write {}", path.display()), fs::write(&path, bytes))?;
        self.blob(&descriptor.digest, path);
        Ok(descriptor)
    }

    /// The manifest of the image with this number, if it is there.
    pub(in crate::image) fn known(&self, id: &Digest) -> Result<Option<Descriptor>> {
        Ok(self.store.image_of_id(id)?.map(|image| image.manifest))
    }

    /// Whether a layer is there, or is just coming.
    pub(in crate::image) fn has_layer(&self, diff_id: &Digest) -> bool {
        self.layers.contains(diff_id) || self.store.layer(diff_id).exists()
    }

    /// Unpack a layer. Without an expectation its digest is what it turns out to be.
    pub(in crate::image) fn unpack(
        &mut self,
        archive: File,
        expected: Option<&Digest>,
        limit: u64,
    ) -> Result<Unpacked> {
        let dir = self.work.directory("unpacking")?;
        let into = doing(format!("cannot read {}", dir.display()), File::open(&dir))?;
        let unpacked = self
            .store
            .users
            .ask(|powers| unpack::layer(archive, into.as_fd(), powers, limit, expected.is_some()))?;
        if let Some(expected) = expected
            && unpacked.diff_id != *expected
        {
            let got = &unpacked.diff_id;
            return Err(Error::Damaged(format!(
                "unpacked it has the digest {got}, and should have {expected}"
            )));
        }
        let LeftOut { owners, devices, attributes } = unpacked.left_out;
        self.left_out.owners += owners;
        self.left_out.devices += devices;
        self.left_out.attributes += attributes;
        let hex = unpacked.diff_id.hex();
        let facts = self.work.path(format!("{hex}.json"));
        doing(format!("cannot write {}", facts.display()), fs::write(&facts, manifest::write(&unpacked)?))?;
        if self.layers.insert(unpacked.diff_id.clone()) {
            at::rename(&dir, &self.work.path(hex))?;
        } else {
            crate::image::users::remove_tree(&self.store.users, &dir)?;
        }
        Ok(unpacked)
    }

    /// All of it into the store, under these names; an image without a name is there by its number.
    pub(in crate::image) fn commit(self, images: &[(Descriptor, Vec<Reference>)]) -> Result<Vec<Image>> {
        let store = self.store;
        // What the index names has to be there even after a power cut.
        at::syncfs(&store.lock)?;
        let lock = doing("cannot lock the image store", lock_file(&store.dir.join("index.lock")))?;
        flock(&lock, Lock::Alone)?;
        for (digest, path) in self.blobs {
            if !store.blob(&digest).exists() && path.exists() {
                at::rename(&path, &store.blob(&digest))?;
            }
        }
        for diff_id in self.layers {
            if !store.layer(&diff_id).exists() {
                let facts = self.work.path(format!("{}.json", diff_id.hex()));
                at::rename(&facts, &store.layer_facts(&diff_id))?;
                at::rename(&self.work.path(diff_id.hex()), &store.layer(&diff_id))?;
            }
        }
        drop(lock);
        store.change_index(|index| {
            for (descriptor, names) in images {
                let descriptor = descriptor.named(None);
                names.iter().for_each(|name| index.take_name(name));
                if !names.is_empty() {
                    index
                        .manifests
                        .retain(|other| other.digest != descriptor.digest || other.annotations.is_some());
                }
                index.manifests.extend(names.iter().map(|name| descriptor.named(Some(name))));
                if names.is_empty() && !index.manifests.iter().any(|other| other.digest == descriptor.digest)
                {
                    index.manifests.push(descriptor);
                }
            }
        })?;
        let index = store.index()?;
        images.iter().map(|(descriptor, _)| store.read(&index, descriptor)).collect()
    }
}
