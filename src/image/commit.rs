//! What a container has changed becomes a layer, and with those below it an image.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::draft::{Draft, write_layer};
use super::error::Result;
use super::store::{Arrival, Image, Store};
use super::{Execution, History, Reference, flat, pack};

/// What the new image is, besides its files.
#[derive(Debug, Default)]
pub struct About {
    /// What it is called.
    pub name: Option<Reference>,
    /// How its containers start.
    pub execution: Execution,
    /// When it was made, as RFC 3339 writes it.
    pub created: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// What is to be known of it.
    pub comment: Option<String>,
    /// What changed the files.
    pub created_by: Option<String>,
}

/// Where the files of a container are.
#[derive(Debug, Clone, Copy)]
pub enum Files<'a> {
    /// What it has changed is in an upper directory.
    Upper(&'a Path),
    /// All of them are in a directory, which began with what is seen of layers.
    Copy {
        /// The directory.
        dir: &'a Path,
        /// The layers, the uppermost first.
        layers: &'a [PathBuf],
    },
}

/// Make an image of another one and what a container of it has changed. Paths `without` are not the container's own
/// work. Nobody may write to its files meanwhile.
pub fn files(
    store: &Store,
    base: &Image,
    files: Files,
    without: &BTreeSet<PathBuf>,
    about: About,
) -> Result<Image> {
    let work = store.work()?;
    let mut arrival = Arrival::new(store, &work);
    let blob = write_layer(store, &work, &mut arrival, |target| match files {
        Files::Upper(upper) => pack::directory(upper, pack::Owners::Kept, without, target),
        Files::Copy { dir, layers } => flat::difference(dir, layers, without, target),
    })?;
    let About { name, execution, created, author, comment, created_by } = about;
    let mut draft = Draft::of(base);
    let history = History { created, created_by, author: author.clone(), comment, empty_layer: false };
    let diff_id = blob.digest.clone();
    draft.put(blob, &diff_id, history);
    draft.config.config = execution;
    draft.config.author = author.or(draft.config.author);
    let manifest = draft.write(&mut arrival)?;
    let images = arrival.commit(&[(manifest, name.into_iter().collect())])?;
    images.into_iter().next().ok_or_else(|| super::Error::Unknown("the new one".into()))
}
