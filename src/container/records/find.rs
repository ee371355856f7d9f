//! Which container a person means.

use std::time::{Duration, Instant};
use std::{fs, thread};

use super::{Container, Id, Records, State, id};
use crate::container::error::{Error, Result};

/// How long a start may take for one who waits for it. Step by step it takes longer, and then nobody waits.
const PATIENCE: Duration = Duration::from_secs(5);

impl Records {
    /// The same as [`find`](Self::find) as soon as it is started: its program can be at work a moment before that is
    /// written down.
    pub fn find_started(&self, given: &str) -> Result<Container> {
        let begun = Instant::now();
        loop {
            let container = self.find(given)?;
            if container.state != State::Created || begun.elapsed() > PATIENCE {
                return Ok(container);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The container that a name, a number or the beginning of one means.
    pub fn find(&self, given: &str) -> Result<Container> {
        self.find_among(&mut None, given)
    }

    /// The same of several. Where numbers have to be completed, they are listed once.
    pub fn find_all(&self, given: &[String]) -> Vec<Result<Container>> {
        let mut ids = None;
        given.iter().map(|given| self.find_among(&mut ids, given)).collect()
    }

    fn find_among(&self, ids: &mut Option<Vec<Id>>, given: &str) -> Result<Container> {
        let unknown = || Error::Unknown(given.into());
        let id = match Id::parse(given).filter(|id| self.dir(id).exists()) {
            Some(id) => id,
            None => self.named(ids, given)?.map_or_else(|| self.numbered(ids, given), Ok)?,
        };
        self.settled(&id)?.ok_or_else(unknown)
    }

    pub(super) fn named(&self, ids: &mut Option<Vec<Id>>, name: &str) -> Result<Option<Id>> {
        if id::check_name(name).is_err() {
            return Ok(None);
        }
        match fs::read_link(self.name(name)) {
            Ok(beginning) => match self.numbered(ids, &beginning.to_string_lossy()) {
                Err(Error::Unknown(_)) => Ok(None),
                found => found.map(Some),
            },
            Err(_) => Ok(None),
        }
    }

    fn numbered(&self, ids: &mut Option<Vec<Id>>, beginning: &str) -> Result<Id> {
        let ids = match ids {
            Some(ids) => ids,
            None => ids.insert(self.ids()?),
        };
        let mut found = ids.iter().filter(|id| !beginning.is_empty() && id.as_ref().starts_with(beginning));
        match (found.next(), found.count()) {
            (None, _) => Err(Error::Unknown(beginning.into())),
            (Some(id), 0) => Ok(id.clone()),
            (Some(_), others) => Err(Error::Ambiguous { given: beginning.into(), count: others + 1 }),
        }
    }
}
