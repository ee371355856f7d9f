//! What is left of a container whose supervisor was killed becomes what it would have become without that.

use std::fs::File;

use super::{Container, Entry, Id, Record, Records, State, journal, now};
use crate::container::error::{Result, doing};
use crate::container::limits;
use crate::kernel::at::{Lock, flock};
use crate::kernel::{Errno, Refused};

/// The status of what was killed.
const KILLED: i32 = 137;

impl Records {
    /// The container as it is. Nothing, if there is none: it may have been half made, or half removed.
    pub(super) fn settled(&self, id: &Id) -> Result<Option<Container>> {
        if let Some(container) = self.read(id)?
            && container.state == State::Exited
            && !container.created.auto_remove
        {
            return Ok(Some(container));
        }
        match self.take_charge(id)? {
            Charge::Gone => Ok(None),
            Charge::Taken => Ok(self.read(id)?.filter(|container| container.state != State::Removing)),
            Charge::Ours(record) => record.settle(),
        }
    }

    /// Be in charge of a container, if nobody else is.
    pub fn take_charge(&self, id: &Id) -> Result<Charge> {
        let dir = self.dir(id);
        let lock = match File::open(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Charge::Gone),
            opened => doing(format!("cannot read {}", dir.display()), opened)?,
        };
        match flock(&lock, Lock::AloneAtOnce) {
            refused if refused.refused() == Some(Errno::EWOULDBLOCK) => return Ok(Charge::Taken),
            locked => locked?,
        }
        if !dir.exists() {
            return Ok(Charge::Gone);
        }
        let Some(container) = self.read(id)? else {
            // Its maker was killed before the first line.
            self.clear(id)?;
            return Ok(Charge::Gone);
        };
        let journal = journal::resume(&self.journal(id))?;
        let (id, created) = (container.id, container.created);
        Ok(Charge::Ours(Box::new(Record { id, created, records: self.clone(), journal, _lock: lock })))
    }
}

/// Who is in charge of a container.
#[derive(Debug)]
pub enum Charge {
    /// There is no such container.
    Gone,
    /// Somebody else.
    Taken,
    /// The caller, from now on.
    Ours(Box<Record>),
}

impl Record {
    /// Nobody looked after it: see that it has ended, and write that down.
    fn settle(self) -> Result<Option<Container>> {
        let Some(mut container) = self.container()? else { return Ok(None) };
        let half = matches!(container.state, State::Created | State::Removing);
        if half || container.created.auto_remove {
            self.end(&container)?;
            self.remove()?;
            return Ok(None);
        }
        if container.state != State::Exited {
            self.end(&container)?;
            let entry = Entry::Exited { time: now(), code: KILLED, out_of_memory: false };
            self.happened(&entry)?;
            container.happened(entry);
        }
        Ok(Some(container))
    }

    /// Its processes have no supervisor any more: they end, and their group goes.
    pub fn end(&self, container: &Container) -> Result<()> {
        limits::thaw(container);
        if let Some((init, _)) = container.init {
            // With process 1 the kernel ends all others in its PID namespace.
            init.end();
        }
        self.release(container)
    }
}
