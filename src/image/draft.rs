//! An image in the making: layers are put on top, and what is said of them goes into its configuration.

use std::fs::File;
use std::io::BufWriter;

use super::digest::{Digest, Hash};
use super::error::{Result, doing};
use super::manifest::{self, CONFIG, Descriptor, LAYER, MANIFEST, Manifest};
use super::store::{Arrival, Image, Store, Work};
use super::{Config, History, RootFs, load};
use crate::kernel::arch;

/// What an image is going to be.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// Its layers as archives, the lowest first.
    blobs: Vec<Descriptor>,
}

impl Draft {
    /// Without a file.
    pub(super) fn empty() -> Self {
        let rootfs = RootFs { kind: "layers".into(), diff_ids: vec![] };
        let (architecture, os) = (arch::HERE.name_in_images().into(), "linux".into());
        Self { config: Config { architecture, os, rootfs, ..Config::default() }, blobs: vec![] }
    }

    /// Beginning with all that an image has.
    pub(super) fn of(image: &Image) -> Self {
        Self { config: image.config.clone(), blobs: image.blobs().into() }
    }

    /// A layer on top: its archive, its digest before compression, and what it came from.
    pub(super) fn put(&mut self, blob: Descriptor, diff_id: &Digest, history: History) {
        self.config.rootfs.diff_ids.push(diff_id.to_string());
        self.blobs.push(blob);
        self.say(history);
    }

    /// What is to be known of it, and changes no file.
    pub(super) fn say(&mut self, history: History) {
        self.config.created.clone_from(&history.created);
        self.config.history.push(history);
    }

    /// Write its configuration and its manifest.
    pub(super) fn write(self, arrival: &mut Arrival) -> Result<Descriptor> {
        let config = arrival.bytes(CONFIG, &manifest::write(&self.config)?)?;
        arrival.bytes(MANIFEST, &manifest::write(&Manifest::new(config, self.blobs))?)
    }
}

/// Where an archive is written to.
pub(super) type Target = Hash<BufWriter<File>>;

/// Let a layer be written where the layers' users are, and let it arrive. Its archive.
pub(super) fn write_layer(
    store: &Store,
    work: &Work,
    arrival: &mut Arrival,
    write: impl FnOnce(Target) -> Result<Target>,
) -> Result<Descriptor> {
    let file = work.file("layer")?;
    let (digest, size): (Digest, u64) = store.users().ask(|_| {
        let layer = write(Hash::new(BufWriter::new(file)))?;
        let size = layer.count();
        Ok((layer.digest(), size))
    })?;
    let path = work.path("layer");
    if !arrival.has_layer(&digest) {
        let archive = doing("cannot read the layer", File::open(&path))?;
        arrival.unpack(archive, Some(&digest), load::LIMIT)?;
    }
    arrival.blob(&digest, path);
    Ok(Descriptor { media_type: LAYER.into(), digest, size, annotations: None, platform: None })
}
