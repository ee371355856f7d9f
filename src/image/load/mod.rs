//! Archives that others have made become images: OCI archives and layouts, and what `docker save` writes.
//!
//! Nothing of an archive is believed: every digest is held against what it stands for, before a byte is unpacked.

mod docker;
mod oci;
mod source;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::{Error, Result, doing};
use super::manifest::{CONFIG, Descriptor, LAYER, MANIFEST, Manifest};
use super::store::{Arrival, Image, Store};
use super::unpack::LeftOut;
use super::{Config, Digest, Reference, manifest};
use source::{Member, Source};

/// How many bytes an image may have unpacked, unless somebody allows more.
pub const LIMIT: u64 = 64 << 30;

/// What has come in.
#[derive(Debug)]
pub struct Loaded {
    /// The images, and what each is called in the archive.
    pub images: Vec<(Image, Vec<Reference>)>,
    /// What could not be had as it is in the archive.
    pub left_out: LeftOut,
}

/// An image that was found in an archive.
struct Found {
    names: Vec<Reference>,
    /// As it was there; where there was none, it is written.
    manifest: Option<(Descriptor, Vec<u8>)>,
    config: Vec<u8>,
    /// The blobs of the layers, the lowest first.
    layers: Vec<(Descriptor, Member)>,
}

/// Take the images of an archive in: a file or an OCI layout's directory. At most `limit` bytes of each layer, and
/// of the archive, are unpacked.
pub fn path(store: &Store, path: &Path, limit: u64) -> Result<Loaded> {
    let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = stem.split('.').next().unwrap_or_default().to_lowercase();
    let load = || {
        if path.is_dir() {
            let work = store.work()?;
            let source = Source::directory(&work, path)?;
            return take(store, &work, source, &stem, limit);
        }
        let file = doing(format!("cannot read {}", path.display()), File::open(path))?;
        archive(store, file, &stem, limit)
    };
    load().map_err(|error| error.of(&path.display().to_string()))
}

/// The same from a stream. An image that has only a tag there is called by `stem` and that.
pub fn archive(store: &Store, stream: impl Read, stem: &str, limit: u64) -> Result<Loaded> {
    let work = store.work()?;
    let source = Source::archive(&work, stream, limit)?;
    take(store, &work, source, stem, limit)
}

fn take(
    store: &Store,
    work: &super::store::Work,
    mut source: Source,
    stem: &str,
    limit: u64,
) -> Result<Loaded> {
    let found = if source.has("index.json") {
        oci::images(&mut source, stem)?
    } else if source.has("manifest.json") {
        docker::images(&mut source)?
    } else {
        return Err(Error::Unsupported(
            "it is no image: there is neither index.json nor manifest.json in it (a root file system is for \
             glassbox import)"
                .into(),
        ));
    };
    if found.is_empty() {
        return Err(Error::Damaged("there is no image in it".into()));
    }
    let mut arrival = Arrival::new(store, work);
    let mut images = vec![];
    for image in found {
        images.push(admit(&mut arrival, image, limit)?);
    }
    let left_out = arrival.left_out;
    let names = images.iter().map(|(_, names)| names.clone());
    Ok(Loaded { images: arrival.commit(&images)?.into_iter().zip(names).collect(), left_out })
}

/// Check and unpack an image.
fn admit(arrival: &mut Arrival, image: Found, limit: u64) -> Result<(Descriptor, Vec<Reference>)> {
    // Whoever has its number has its files: names are all that can be new.
    if let Some(known) = arrival.known(&Digest::of(&image.config))? {
        return Ok((known, image.names));
    }
    let config: Config = manifest::parse("its configuration", &image.config)?;
    let diff_ids =
        config.rootfs.diff_ids.iter().map(|text| Digest::parse(text)).collect::<Result<Vec<_>>>()?;
    if diff_ids.len() != image.layers.len() {
        let (named, there) = (diff_ids.len(), image.layers.len());
        return Err(Error::Damaged(format!("its configuration names {named} layers, and it has {there}")));
    }
    for ((descriptor, member), diff_id) in image.layers.iter().zip(&diff_ids) {
        if !arrival.has_layer(diff_id) {
            let unpacked = arrival.unpack(member.open()?, Some(diff_id), limit);
            unpacked.map_err(|error| error.of(&format!("layer {}", descriptor.digest.short())))?;
        }
        arrival.blob(&descriptor.digest, member.path.clone());
    }
    let config = arrival.bytes(CONFIG, &image.config)?;
    let descriptor = match image.manifest {
        Some((descriptor, bytes)) => {
            arrival.bytes(&descriptor.media_type, &bytes)?;
            descriptor
        }
        None => {
            let layers = image.layers.into_iter().map(|(descriptor, _)| descriptor).collect();
            arrival.bytes(MANIFEST, &manifest::write(&Manifest::new(config, layers))?)?
        }
    };
    Ok((descriptor, image.names))
}
