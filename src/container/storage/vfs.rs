//! A full copy of all files for each container: slow and large, and possible on any file system.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Driver, Place};
use crate::container::error::Result;
use crate::container::start::Root;
use crate::image::changes::{self, Change};
use crate::image::commit::Files;
use crate::image::flat;

/// The driver `vfs`.
#[derive(Debug)]
pub(super) struct Copies;

impl Driver for Copies {
    fn prepare(&self, place: &Place) -> Result<Root> {
        flat::copy(place.users, place.lower, &place.dir)?;
        Ok(Root::Directory { dir: place.dir.clone(), merged: place.merged.clone() })
    }

    fn changes(&self, place: &Place, without: &BTreeSet<PathBuf>) -> Result<Vec<Change>> {
        Ok(changes::of_copy(place.users, &place.dir, place.lower, without)?)
    }

    fn files<'a>(&self, place: &'a Place) -> Files<'a> {
        Files::Copy { dir: &place.dir, layers: place.lower }
    }
}
