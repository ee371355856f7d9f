//! A layer's archive becomes a directory that overlayfs takes as a lower layer.
//! <https://github.com/opencontainers/image-spec/blob/main/layer.md>
//!
//! | in the archive | in the directory |
//! | --- | --- |
//! | `.wh.NAME` | a character device 0, 0 of that name: what lower layers have there is gone |
//! | `.wh..wh..opq` | `trusted.overlay.opaque`, or `user.overlay.opaque`, on its directory: nothing of lower layers shows |

mod make;
mod path;
mod tree;

use std::io::Read;
use std::os::fd::BorrowedFd;

use serde::{Deserialize, Serialize};

pub(super) use path::place;
pub(super) use tree::{Tree, is_portable};

use super::codec::{decoder, drain};
use super::digest::{Digest, Hash};
use super::error::{Error, Result};
use super::tar::{Entry, Kind, Reader};
use super::users::Powers;

/// The most entries of one layer.
const MOST_ENTRIES: u64 = 4_000_000;

/// What came of an archive.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Unpacked {
    /// The digest of the archive before compression.
    pub(super) diff_id: Digest,
    /// How many bytes its files have.
    pub(super) size: u64,
    /// How many bytes the archive has before compression.
    pub(super) archive: u64,
    /// What could not be had as it is in the archive.
    pub(super) left_out: LeftOut,
}

/// How much could not be had as it is in the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Files whose owner has no number here: they belong to root.
    pub owners: u64,
    /// Device nodes, which only root can make.
    pub devices: u64,
    /// Attributes that belong to another machine, or that the file system does not take.
    pub attributes: u64,
}

/// Unpack a layer, compressed or not, into an empty directory. Its files may have `limit` bytes together;
/// `is_checked` says that somebody is going to look at its digest.
pub(super) fn layer(
    source: impl Read,
    into: BorrowedFd,
    powers: Powers,
    limit: u64,
    is_checked: bool,
) -> Result<Unpacked> {
    let mut hash = Hash::new(decoder(source)?);
    let mut archive = Reader::new(&mut hash, limit);
    let mut tree = Tree::new(into, powers)?;
    let mut entries = 0;
    while let Some(entry) = archive.next()? {
        entries += 1;
        if entries > MOST_ENTRIES {
            return Err(Error::TooLarge(format!("it has more than {MOST_ENTRIES} files")));
        }
        tree.put(&entry, &mut archive)?;
    }
    let has_ended = archive.has_ended();
    drain(&mut hash)?;
    let (size, left_out) = tree.finish()?;
    // Where the digest is known, that holds; elsewhere the end alone says that all of it is there.
    if !has_ended && !is_checked {
        return Err(Error::Damaged("it ends in the middle".into()));
    }
    let archive = hash.count();
    Ok(Unpacked { diff_id: hash.digest(), size, archive, left_out })
}
