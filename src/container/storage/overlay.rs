//! Overlayfs: layers stay where they are, and are merged with what a container writes.
//! <https://docs.kernel.org/filesystems/overlayfs.html>

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Driver, Place};
use crate::container::error::Result;
use crate::container::start::Root;
use crate::container::start::rootfs::Overlay;
use crate::image::changes::{self, Change};
use crate::image::commit::Files;

/// The driver `overlay`.
#[derive(Debug)]
pub(super) struct Overlayfs;

impl Driver for Overlayfs {
    fn prepare(&self, place: &Place) -> Result<Root> {
        Ok(Root::Overlay(Overlay {
            lower: place.lower.into(),
            upper: place.dir.clone(),
            work: place.work.clone(),
            merged: place.merged.clone(),
            volatile: place.volatile,
            user_attributes: place.users.is_rootless(),
        }))
    }

    fn changes(&self, place: &Place, without: &BTreeSet<PathBuf>) -> Result<Vec<Change>> {
        Ok(changes::of_upper(place.users, &place.dir, place.layers, without)?)
    }

    fn files<'a>(&self, place: &'a Place) -> Files<'a> {
        Files::Upper(&place.dir)
    }
}
