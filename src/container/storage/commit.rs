//! What a container has changed, and how that becomes an image.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Place;
use crate::container::error::{Error, Result};
use crate::container::life;
use crate::container::records::{Container, Records, State};
use crate::container::start::init_layer;
use crate::image::changes::Change;
use crate::image::commit::{self, About};
use crate::image::{Image, Store};

/// What a container has changed in the files of its image.
pub fn changes(records: &Records, store: &Store, container: &Container) -> Result<Vec<Change>> {
    let image = image(store, container)?;
    let lower = lower(records, &image)?;
    let driver = container.created.spec.storage.driver();
    driver.changes(&place(records, container, &image, &lower), &mount_points(container))
}

/// Make an image of what a container has changed, and of its own. With `pauses` it stands still meanwhile, if it runs.
pub fn commit(
    records: &Records,
    store: &Store,
    container: &Container,
    about: About,
    pauses: bool,
) -> Result<Image> {
    let image = image(store, container)?;
    let lower = lower(records, &image)?;
    let place = place(records, container, &image, &lower);
    let files = container.created.spec.storage.driver().files(&place);
    let paused = Paused::begin(records, container, pauses && container.state == State::Running)?;
    let made = commit::files(store, &image, files, &mount_points(container), about);
    drop(paused);
    Ok(made?)
}

/// The layers of an image and the init layer, the uppermost first.
pub(in crate::container) fn lower(records: &Records, image: &Image) -> Result<Vec<PathBuf>> {
    let mut lower = vec![init_layer::provide(records.state())?];
    lower.extend(image.layers.iter().rev().map(|layer| layer.path.clone()));
    Ok(lower)
}

fn place<'a>(
    records: &'a Records,
    container: &Container,
    image: &'a Image,
    lower: &'a [PathBuf],
) -> Place<'a> {
    Place {
        users: records.users(),
        state: records.state(),
        layers: &image.layers,
        lower,
        dir: records.upper(&container.id),
        work: records.work(&container.id),
        merged: records.merged(),
        volatile: container.created.auto_remove,
    }
}

/// The image that a container was made of.
pub fn image(store: &Store, container: &Container) -> Result<Image> {
    Ok(store.image(&container.created.image_id.to_string())?)
}

/// Where something of ours is mounted, which had to be made for that.
fn mount_points(container: &Container) -> BTreeSet<PathBuf> {
    let targets = container.created.spec.mounts.iter();
    targets.map(|mount| mount.target.strip_prefix("/").unwrap_or(&mount.target).to_path_buf()).collect()
}

/// A container that stands still, as long as this is there.
struct Paused<'a> {
    records: &'a Records,
    container: Option<&'a Container>,
}

impl<'a> Paused<'a> {
    fn begin(records: &'a Records, container: &'a Container, pauses: bool) -> Result<Self> {
        if !pauses {
            return Ok(Self { records, container: None });
        }
        match life::pause(records, container) {
            // It has just ended: nothing writes any more.
            Err(Error::NotRunning(_)) => Ok(Self { records, container: None }),
            paused => paused.map(|()| Self { records, container: Some(container) }),
        }
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(container) = self.container
            && let Ok(Some(now)) = self.records.read(&container.id)
        {
            // It may have been ended meanwhile.
            let _ = life::unpause(self.records, &now);
        }
    }
}
