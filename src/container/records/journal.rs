//! What happened to a container, a line of JSON each. Lines are only ever added: a reader, or a crash, finds what
//! was so at some moment.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::container::error::{Result, doing};
use crate::container::spec::Spec;
use crate::image::Digest;
use crate::kernel::short;
use crate::trace::Identity;

/// Something that happened. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// It is about to be made.
    Created(Box<Created>),
    /// Its process 1 is about to become its program.
    Started {
        /// When.
        time: u64,
        /// As the host sees it.
        init: Identity,
    },
    /// Everything in it stands still, by a group of this directory.
    Paused {
        /// Made for that where version 1 freezes; its own where version 2 does.
        group: PathBuf,
    },
    /// It goes on.
    Unpaused,
    /// Its process 1 has ended.
    Exited {
        /// When.
        time: u64,
        /// With which status, as a shell counts.
        code: i32,
        /// Whether the kernel has killed a process of it for want of memory.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        out_of_memory: bool,
    },
    /// It is being removed: what is left of it is of no use.
    Removing,
}

/// How a container was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// When.
    pub time: u64,
    /// What it is called.
    pub name: String,
    /// What its image was called when it was made.
    pub image: String,
    /// The number of its image.
    pub image_id: Digest,
    /// What it is to be.
    pub spec: Spec,
    /// Whether it is removed when it has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_remove: bool,
    /// Whether its output goes into its log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    /// The directories of its cgroup, one for each tree.
    pub group: Vec<PathBuf>,
}

/// The time now.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Begin a journal.
pub(super) fn begin(path: &Path) -> Result<File> {
    let file = File::options().read(true).append(true).create_new(true).open(path);
    doing(format!("cannot write {}", path.display()), file)
}

/// Go on with one.
pub(super) fn resume(path: &Path) -> Result<File> {
    doing(format!("cannot write {}", path.display()), File::options().read(true).append(true).open(path))
}

/// Add a line in one write, which is whole for every reader.
pub(super) fn add(mut journal: &File, entry: &Entry) -> Result<()> {
    let mut write = || {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        journal.write_all(&line)
    };
    doing("cannot write the container's record", write())
}

/// Everything in a journal. A line that was cut off by a full disk or a power cut is passed over.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<Entry>> {
    read_open(&File::open(path)?)
}

/// The same of an open one, from its beginning.
pub(super) fn read_open(journal: &File) -> std::io::Result<Vec<Entry>> {
    let text = short::read_open(journal)?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
