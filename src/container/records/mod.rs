//! What is known of containers, on disk.
//!
//! ```text
//! containers/ID/             the record; for overlayfs its work directory
//!   journal                  what happened, a line of JSON each
//!   logs                     what a detached container wrote
//!   work/                    overlayfs's own
//! uppers/ID/                 the container layer: what it has changed
//! names/NAME                 a link to the beginning of the number
//! init-layer/                the mount points that every container needs, between image and container layer
//! merged/                    an empty directory; each container mounts its root there, where only it sees that
//! ```
//! Whoever has the directory `containers/ID` locked is in charge of that container: the process that starts it and
//! waits for its end, or the one that removes it. The kernel lets go of the lock when that process ends, however it
//! ends. So a record that nobody has locked, and whose journal does not tell of an end, is that of a container whose
//! supervisor was killed: the next command [settles](Records::all) it.
//!
//! A file, a directory and the kernel's own work directory are a block each: 16 KiB for a container that has written
//! nothing.

mod find;
mod id;
mod journal;
mod remove;
pub mod settle;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use id::Id;
pub use journal::{Created, Entry};

pub(crate) use journal::now;

use super::error::{Error, Result, doing};
use super::limits;
use super::network::Networks;
use crate::image::Users;
use crate::kernel::at::{Lock, flock};
use crate::kernel::fs as kfs;
use crate::trace::Identity;

/// The containers of this user.
#[derive(Debug, Clone)]
pub struct Records {
    state: PathBuf,
    users: Users,
}

/// In which state a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being made.
    Created,
    /// Its process 1 runs.
    Running,
    /// Everything in it stands still.
    Paused,
    /// It has ended.
    Exited,
    /// It is being removed.
    Removing,
}

impl State {
    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Exited => "exited",
            State::Removing => "removing",
        }
    }
}

/// A container, as its record tells.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its number.
    pub id: Id,
    /// How it was made.
    pub created: Created,
    /// In which state it is.
    pub state: State,
    /// Its process 1, if it was ever started, and when that was.
    pub init: Option<(Identity, u64)>,
    /// The group that makes it stand still, while it does.
    pub paused_by: Option<PathBuf>,
    /// A group that was made for that, and is still there.
    pub freezer: Option<PathBuf>,
    /// With which status its process 1 has ended, and when.
    pub exit: Option<(i32, u64)>,
    /// Whether the kernel has killed a process of it for want of memory.
    pub out_of_memory: bool,
}

impl Container {
    /// What its journal makes of it; nothing, if that has not even begun.
    fn of(id: Id, journal: Vec<Entry>) -> Option<Self> {
        let mut entries = journal.into_iter();
        let Some(Entry::Created(created)) = entries.next() else { return None };
        let mut container = Self {
            id,
            created: *created,
            state: State::Created,
            init: None,
            paused_by: None,
            freezer: None,
            exit: None,
            out_of_memory: false,
        };
        entries.for_each(|entry| container.happened(entry));
        Some(container)
    }

    fn happened(&mut self, entry: Entry) {
        match entry {
            Entry::Created(_) => {}
            Entry::Started { time, init } => {
                (self.state, self.init) = (State::Running, Some((init, time)));
            }
            Entry::Paused { group } => {
                self.freezer = Some(group.clone()).filter(|group| !self.created.group.contains(group));
                (self.state, self.paused_by) = (State::Paused, Some(group));
            }
            Entry::Unpaused => (self.state, self.paused_by) = (State::Running, None),
            Entry::Exited { time, code, out_of_memory } => {
                (self.state, self.exit) = (State::Exited, Some((code, time)));
                self.out_of_memory = out_of_memory;
            }
            Entry::Removing => self.state = State::Removing,
        }
    }

    /// Its process 1, if it runs.
    pub fn running(&self) -> Result<Identity> {
        match (self.state, self.init) {
            (State::Running | State::Paused, Some((init, _))) => Ok(init),
            _ => Err(Error::NotRunning(self.created.name.clone())),
        }
    }
}

/// The record of a container that the caller is in charge of.
#[derive(Debug)]
pub struct Record {
    /// Its number.
    pub id: Id,
    /// How it was made.
    pub created: Created,
    records: Records,
    journal: File,
    /// Locked as long as it is open.
    _lock: File,
}

impl Records {
    /// Those in this state directory.
    pub fn open(state: &Path) -> Self {
        Self { state: state.into(), users: Users::of_caller() }
    }

    /// Who their files belong to.
    pub fn users(&self) -> &Users {
        &self.users
    }

    fn dir(&self, id: &Id) -> PathBuf {
        self.state.join("containers").join(id.as_ref())
    }

    fn journal(&self, id: &Id) -> PathBuf {
        self.dir(id).join("journal")
    }

    /// The container layer: what a container has changed in its root file system.
    pub fn upper(&self, id: &Id) -> PathBuf {
        self.state.join("uppers").join(id.as_ref())
    }

    /// The directory that overlayfs works in.
    pub fn work(&self, id: &Id) -> PathBuf {
        self.dir(id)
    }

    /// Where a detached container's output is.
    pub fn logs(&self, id: &Id) -> PathBuf {
        self.dir(id).join("logs")
    }

    /// An empty directory to mount a root at.
    pub fn merged(&self) -> PathBuf {
        self.state.join("merged")
    }

    fn name(&self, name: &str) -> PathBuf {
        self.state.join("names").join(name)
    }

    /// Make the record of a new container, and be in charge of it. Without a name it is given one. `describe` is asked
    /// when its number is known.
    pub fn create(&self, describe: impl FnOnce(&Id) -> Result<Created>) -> Result<Record> {
        let (id, lock) = self.new_directory()?;
        let mut created = describe(&id).inspect_err(|_| {
            let _ = self.clear(&id);
        })?;
        let given = !created.name.is_empty();
        if !given {
            created.name = id::draw_name();
        }
        let journal = journal::begin(&self.journal(&id))?;
        let mut record = Record { id, created, records: self.clone(), journal, _lock: lock };
        record.fill(given).inspect_err(|_| {
            // What could not be made whole is taken away again; if that fails, the next command does it.
            let _ = record.remove();
        })?;
        Ok(record)
    }

    /// Whether a container may be called so.
    pub fn check_name(name: &str) -> Result<()> {
        id::check_name(name)
    }

    /// The state directory that they are in.
    pub fn state(&self) -> &Path {
        &self.state
    }

    fn new_directory(&self) -> Result<(Id, File)> {
        loop {
            let id = Id::draw();
            let dir = self.dir(&id);
            let what = || format!("cannot make {}", dir.display());
            match DirBuilder::new().mode(0o700).create(&dir) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    doing(what(), self.make_directories())?;
                    continue;
                }
                made => doing(what(), made)?,
            }
            // Another command can be looking at it just now, and take it for a leftover before it is locked.
            let lock = match File::open(&dir) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => doing(what(), opened)?,
            };
            flock(&lock, Lock::Alone)?;
            if dir.exists() {
                return Ok((id, lock));
            }
        }
    }

    /// The directories that all containers have in common. That of the containers is the last: where it is, another
    /// command takes the rest to be there.
    fn make_directories(&self) -> std::io::Result<()> {
        let make = |mode, dir| DirBuilder::new().mode(mode).recursive(true).create(dir);
        make(0o755, self.merged())?;
        ["uppers", "names", "containers"].iter().try_for_each(|name| make(0o700, self.state.join(name)))
    }

    /// Every container, the oldest first. Those whose supervisor was killed are settled.
    pub fn all(&self) -> Result<Vec<Container>> {
        let mut containers = vec![];
        for id in self.ids()? {
            containers.extend(self.settled(&id)?);
        }
        containers.sort_by_key(|container| container.created.time);
        Ok(containers)
    }

    fn ids(&self) -> Result<Vec<Id>> {
        let dir = self.state.join("containers");
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            entries => doing(format!("cannot read {}", dir.display()), entries)?,
        };
        Ok(entries.flatten().filter_map(|entry| Id::parse(entry.file_name().to_str()?)).collect())
    }

    /// Write down something that the caller does, who is not in charge of the container.
    pub fn happened(&self, id: &Id, entry: &Entry) -> Result<()> {
        journal::add(&journal::resume(&self.journal(id))?, entry)
    }

    /// Hold a journal, so that it can be read even when the container has been removed.
    pub fn watch(&self, id: &Id) -> Option<Watch> {
        File::open(self.journal(id)).ok().map(|journal| Watch { id: id.clone(), journal })
    }

    /// The container as its journal tells, whoever is in charge.
    pub fn read(&self, id: &Id) -> Result<Option<Container>> {
        match journal::read(&self.journal(id)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            entries => Ok(Container::of(id.clone(), doing("cannot read a container's record", entries)?)),
        }
    }
}

/// A journal that is held.
#[derive(Debug)]
pub struct Watch {
    id: Id,
    journal: File,
}

impl Watch {
    /// The container as it tells now.
    pub fn read(&self) -> Option<Container> {
        Container::of(self.id.clone(), journal::read_open(&self.journal).ok()?)
    }
}

impl Record {
    fn fill(&mut self, given: bool) -> Result<()> {
        self.happened(&Entry::Created(Box::new(self.created.clone())))?;
        let upper = self.records.upper(&self.id);
        let made = DirBuilder::new().mode(0o755).create(&upper);
        doing(format!("cannot make {}", upper.display()), made)?;
        while let Err(error) = self.take_name() {
            if given || !matches!(error, Error::NameTaken { .. }) {
                return Err(error);
            }
            self.created.name = id::draw_name();
            // The last one counts.
            doing("cannot write the container's record", self.journal.set_len(0))?;
            self.happened(&Entry::Created(Box::new(self.created.clone())))?;
        }
        Ok(())
    }

    /// The link is short enough to be kept in its inode.
    fn take_name(&self) -> Result<()> {
        const DIGITS: usize = 40;
        let link = self.records.name(&self.created.name);
        let target = &self.id.as_ref()[..DIGITS];
        match kfs::symlink(target, &link) {
            Err(error) if error.errno == crate::kernel::Errno::EEXIST => {}
            made => return Ok(made?),
        }
        // Whoever had it can have been removed halfway. Two who find that out do it one after the other.
        let names = self.records.state.join("names");
        let lock = doing(format!("cannot read {}", names.display()), File::open(&names))?;
        flock(&lock, Lock::Alone)?;
        let holder = self.records.named(&mut None, &self.created.name)?;
        let holder = holder.map(|id| self.records.settled(&id)).transpose()?.flatten();
        match holder {
            Some(holder) => {
                Err(Error::NameTaken { name: self.created.name.clone(), by: holder.id.short().into() })
            }
            None => {
                // It may have gone meanwhile.
                let _ = kfs::unlink(&link);
                Ok(kfs::symlink(target, &link)?)
            }
        }
    }

    /// Write down that something happened.
    pub fn happened(&self, entry: &Entry) -> Result<()> {
        journal::add(&self.journal, entry)
    }

    /// The container as its journal tells, in which others can have written, too.
    pub fn container(&self) -> Result<Option<Container>> {
        let entries = doing("cannot read a container's record", journal::read_open(&self.journal))?;
        Ok(Container::of(self.id.clone(), entries))
    }

    /// It has ended: its place on its network is given back, and its group goes.
    pub fn release(&self, container: &Container) -> Result<()> {
        Networks::open(&self.records.state).leave(container)?;
        limits::remove(container)
    }

    /// All the containers.
    pub fn records(&self) -> &Records {
        &self.records
    }
}
