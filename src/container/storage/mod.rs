//! Where the files of a container are: what it has changed of its image, and how that becomes an image.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::error::{Error, Result};
use super::life;
use super::records::{Container, Records, State};
use crate::image::changes::{self, Change};
use crate::image::commit::{self, About};
use crate::image::{Image, Store};

/// What a container has changed in the files of its image.
pub fn changes(records: &Records, store: &Store, container: &Container) -> Result<Vec<Change>> {
    let image = image(store, container)?;
    let upper = records.upper(&container.id);
    Ok(changes::of_upper(records.users(), &upper, &image.layers, &mount_points(container))?)
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
    let paused = Paused::begin(records, container, pauses && container.state == State::Running)?;
    let upper = records.upper(&container.id);
    let made = commit::upper(store, &image, &upper, &mount_points(container), about);
    drop(paused);
    Ok(made?)
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
