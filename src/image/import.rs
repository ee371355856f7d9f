//! A root file system, packed as a tar archive, becomes an image of one layer.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use super::digest::{Digest, Hash};
use super::draft::Draft;
use super::error::{Result, doing, reading};
use super::manifest::{Descriptor, LAYER};
use super::store::{Arrival, Image, Store, Work};
use super::{Execution, History, LeftOut, Reference};

/// What an imported image is, besides its files.
#[derive(Debug, Default)]
pub struct About {
    /// What it is called.
    pub name: Option<Reference>,
    /// How its containers start.
    pub execution: Execution,
    /// When it was made, as RFC 3339 writes it.
    pub created: Option<String>,
    /// What is to be known of it.
    pub comment: Option<String>,
    /// What made it.
    pub created_by: Option<String>,
}

/// Make an image of an archive, compressed or not, whose files have at most `limit` bytes.
pub fn archive(store: &Store, stream: impl Read, about: About, limit: u64) -> Result<(Image, LeftOut)> {
    let work = store.work()?;
    let mut hash = Hash::new(stream);
    let mut file = work.file("layer")?;
    copy(&mut hash, &mut file)?;
    let size = hash.count();
    let digest = hash.digest();
    layer(store, &work, file, (digest, size), about, limit)
}

/// Make an image of the archive `layer` in the work directory, of this digest and size.
pub(super) fn layer(
    store: &Store,
    work: &Work,
    mut file: File,
    (digest, size): (Digest, u64),
    about: About,
    limit: u64,
) -> Result<(Image, LeftOut)> {
    let mut arrival = Arrival::new(store, work);
    doing("cannot read the layer", file.rewind())?;
    let unpacked = arrival.unpack(file, None, limit)?;
    arrival.blob(&digest, work.path("layer"));
    let media_type = if unpacked.diff_id == digest { LAYER.into() } else { String::new() };
    let About { name, execution, created, comment, created_by } = about;
    let history = History { created, comment, created_by, ..History::default() };
    let mut draft = Draft::empty();
    let blob = Descriptor { media_type, digest, size, annotations: None, platform: None };
    draft.put(blob, &unpacked.diff_id, history);
    draft.config.config = execution;
    let manifest = draft.write(&mut arrival)?;
    let left_out = arrival.left_out;
    let images = arrival.commit(&[(manifest, name.into_iter().collect())])?;
    let image = images.into_iter().next().ok_or_else(|| super::Error::Unknown("the imported one".into()))?;
    Ok((image, left_out))
}

/// Copy, and tell a fault of what is read from one of what is written.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return doing("cannot write into the image store", to.flush()),
            Ok(count) => doing("cannot write into the image store", to.write_all(&buffer[..count]))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading(error)),
        }
    }
}
