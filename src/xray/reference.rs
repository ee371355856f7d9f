//! The process that the x-ray is held against.

use serde::Serialize;

use super::{Cannot, Subject, Unknown};
use crate::kernel::namespace::Kind;
use crate::probe;

/// Who it is.
#[derive(Debug, Serialize)]
pub struct Reference {
    /// Its number.
    pub pid: i32,
    /// What it stands for.
    pub role: Role,
    /// Its name.
    pub command: String,
    /// Why it is not the host, where it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// What a process stands for in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The first process stands for the host, or for the container in which glassbox itself runs.
    Host,
    /// glassbox itself, where the first process may not be looked at.
    Caller,
    /// Another process, which was asked for.
    Process,
}

impl Reference {
    /// The process that was asked for, else the first one, else the caller.
    pub fn choose(against: Option<i32>) -> Result<(Self, Subject), Cannot> {
        if let Some(pid) = against {
            return Subject::find(pid).map(|subject| Self::with(Role::Process, subject, None));
        }
        let first = Subject::find(1).and_then(|subject| {
            probe::process::namespace(1, Kind::Mnt)?;
            Ok(subject)
        });
        match first {
            Ok(subject) => Ok(Self::with(Role::Host, subject, None)),
            Err(cannot) => {
                let why = match cannot {
                    Cannot::Unreadable(error) => {
                        format!("process 1, the host's first, is {}", Unknown::from(error))
                    }
                    other => other.to_string(),
                };
                Ok(Self::with(Role::Caller, Subject::caller()?, Some(why)))
            }
        }
    }

    fn with(role: Role, subject: Subject, instead: Option<String>) -> (Self, Subject) {
        let command = probe::process::comm(subject.pid).map(|reading| reading.text).unwrap_or_default();
        (Self { pid: subject.pid, role, command, instead }, subject)
    }

    /// Who it is, to begin with.
    pub fn introduction(&self) -> String {
        let Self { pid, command, .. } = self;
        match self.role {
            Role::Host | Role::Caller => format!("{}: process {pid}, {command}", self.name()),
            Role::Process => format!("{}, {command}", self.name()),
        }
    }

    /// What sentences call it.
    pub fn name(&self) -> String {
        match self.role {
            Role::Host => "the host".into(),
            Role::Caller => "the caller".into(),
            Role::Process => format!("process {}", self.pid),
        }
    }
}
