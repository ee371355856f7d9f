//! Networks of an ordinary user: in a network namespace of his own, where he may make what root may make on the machine.
//!
//! ```text
//! command ──starts, if nobody keeps it──▶ keeper: a user and a network namespace, and the way out of it
//!    └──enters them, and stays as long as its containers run
//! ```
//! The file `networks/namespace` says who keeps it. Whoever is inside has it locked, together with the others; the
//! [keeper] waits until it can lock it alone, and ends. So nothing is left when the last container has ended,
//! and what the kernel had of a network is made again with the next one.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::door::{self, Door};
use super::{Locked, Networks, Port, keeper};
use crate::container::error::{Error, Result, doing};
use crate::image::Users;
use crate::kernel::Errno;
use crate::kernel::Refused;
use crate::kernel::at::{Lock, flock};
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::raise_open_files;
use crate::trace::Identity;

/// Who keeps the namespaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Keeper {
    /// Its process.
    pub(super) process: Identity,
    /// Why there is no way out, if there is none.
    pub(super) note: Option<String>,
}

/// A stay in the user's own network namespace: it lasts as long as anybody has it.
#[derive(Debug)]
pub struct Stay {
    _lock: File,
    doors: RefCell<Vec<Door>>,
    /// What whoever has just come should know of it.
    pub note: Option<String>,
}

impl Stay {
    /// The ports of the machine that a container wants.
    pub(super) fn doors(&self, wanted: &[Port]) -> Vec<Door> {
        door::take(&mut self.doors.borrow_mut(), wanted)
    }
}

/// Whether interfaces can only be made in namespaces of one's own.
pub fn is_ordinary() -> bool {
    matches!(Users::of_caller(), Users::Ranges { .. } | Users::One)
}

/// Whether this is still the file of that name, and not one that was removed.
pub(super) fn is_current(file: &File, path: &Path) -> bool {
    let same = || -> std::io::Result<bool> {
        let (open, named) = (file.metadata()?, fs::metadata(path)?);
        Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
    };
    same().unwrap_or(false)
}

impl Networks {
    fn kept(&self) -> PathBuf {
        self.dir().join("namespace")
    }

    /// Go where this user's networks are; made, if nobody keeps it. Nothing, for whoever may make interfaces where he is.
    ///
    /// The caller is root there, of the same users as in his containers. Ports of the machine that these want are taken
    /// along: there is no way back.
    pub fn enter(&self, ports: &[Port]) -> Result<Option<Stay>> {
        if !is_ordinary() {
            return Ok(None);
        }
        loop {
            let deciding = self.lock()?;
            let Some((file, keeper)) = self.look(true)? else { continue };
            let path = self.kept();
            if !is_current(&file, &path) {
                continue;
            }
            if let Some(keeper) = keeper.as_ref().filter(|keeper| keeper.process.is_alive()) {
                return go(file, keeper.clone(), ports);
            }
            match flock(&file, Lock::AloneAtOnce) {
                refused if refused.refused() == Some(Errno::EWOULDBLOCK) => return Err(self.abandoned()),
                locked => locked?,
            }
            return begin(deciding, file, &path, ports);
        }
    }

    /// The same where somebody keeps it.
    pub fn enter_if_kept(&self) -> Result<Option<Stay>> {
        if !is_ordinary() {
            return Ok(None);
        }
        let _deciding = self.lock()?;
        match self.look(false)? {
            Some((file, Some(keeper))) if keeper.process.is_alive() && is_current(&file, &self.kept()) => {
                go(file, keeper, &[])
            }
            _ => Ok(None),
        }
    }

    /// The file, locked together with others, and who keeps the namespaces.
    fn look(&self, create: bool) -> Result<Option<(File, Option<Keeper>)>> {
        let path = self.kept();
        let mut options = File::options();
        options.read(true).write(true).create(create).truncate(false).mode(0o600);
        let mut file = match options.open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !create => return Ok(None),
            opened => doing(format!("cannot open {}", path.display()), opened)?,
        };
        flock(&file, Lock::Shared)?;
        let mut text = vec![];
        doing(format!("cannot read {}", path.display()), file.read_to_end(&mut text))?;
        Ok(Some((file, serde_json::from_slice(&text).ok())))
    }

    /// Remove what a keeper that was killed has left, if nobody is inside. The caller has the networks locked.
    pub(super) fn forget_keeper(&self) -> Result<()> {
        let Some((file, keeper)) = self.look(false)? else { return Ok(()) };
        if keeper.is_some_and(|keeper| keeper.process.is_alive()) {
            return Ok(());
        }
        match flock(&file, Lock::AloneAtOnce) {
            refused if refused.refused() == Some(Errno::EWOULDBLOCK) => return Ok(()),
            locked => locked?,
        }
        let path = self.kept();
        if is_current(&file, &path) {
            doing(format!("cannot remove {}", path.display()), fs::remove_file(&path))?;
        }
        Ok(())
    }

    /// Somebody is inside, and nobody keeps it.
    fn abandoned(&self) -> Error {
        let networks = self.all().unwrap_or_default();
        let members = networks.iter().flat_map(|network| &network.members.all);
        let names: Vec<&str> = members.map(|member| member.name.as_str()).collect();
        let why = "the process that keeps this user's networks was killed while containers are on them";
        Error::usage(why, format!("remove these: glassbox rm -f {}", names.join(" ")))
    }
}

/// Have the namespaces made, and enter them. The file is locked alone until then.
fn begin(deciding: Locked, file: File, path: &Path, ports: &[Port]) -> Result<Option<Stay>> {
    // The keeper is forked, and would hold this, too.
    drop(deciding);
    let started = keeper::start(&Users::of_caller(), file, path);
    let (keeper, [stay, file]) = started.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })?;
    let written = serde_json::to_vec(&keeper).map_err(std::io::Error::from);
    doing(format!("cannot write {}", path.display()), written.and_then(|text| fs::write(path, text)))?;
    flock(&file, Lock::Shared)?;
    // From here on the keeper may wait for the end of our stay.
    drop(stay);
    go(file, keeper, ports)
}

fn go(file: File, keeper: Keeper, ports: &[Port]) -> Result<Option<Stay>> {
    /// What is open besides.
    const FILES: usize = 64;
    raise_open_files((ports.len() + FILES) as u64)?;
    let doors = ports.iter().map(|port| Door::open(*port)).collect::<Result<_>>()?;
    setns(keeper.process.pid(), &[Kind::User, Kind::Net])?;
    Ok(Some(Stay { _lock: file, doors: RefCell::new(doors), note: keeper.note }))
}
