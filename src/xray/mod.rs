//! The x-ray of any process: what it is made of, as containers are, and how contained that makes it.
//!
//! A file for each aspect. An aspect is plain data, which programs get as JSON; from the same data come its
//! [`Row`]s, for people, and its [`Verdict`].

mod capabilities;
mod cgroups;
mod confinement;
mod fact;
mod files;
mod held;
mod limit;
mod mounts;
mod namespaces;
mod process;
mod reference;
mod subject;
mod users;
mod verdict;

pub use fact::{Fact, Unknown};
pub use reference::Reference;
pub use subject::{Cannot, Subject};
pub use verdict::{Degree, Verdict};

use serde::Serialize;

use capabilities::Capabilities;
use cgroups::Cgroups;
use confinement::Confinement;
use files::Files;
use namespaces::Namespaces;
use process::Process;
use users::Users;

/// The version of the JSON; it rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// Everything that is found out about a process.
#[derive(Debug, Serialize)]
pub struct Xray {
    version: u32,
    /// The process that it is compared with.
    pub compared_with: Reference,
    process: Process,
    namespaces: Namespaces,
    users: Users,
    cgroups: Cgroups,
    files: Files,
    capabilities: Capabilities,
    confinement: Confinement,
    /// One for each aspect, in this order.
    verdicts: Vec<Verdict>,
    /// Of all of them together.
    pub total: Verdict,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub what: String,
    /// What it is.
    pub value: String,
    /// What that means, or with what it was compared; may be empty.
    pub note: String,
}

impl Row {
    fn new(what: impl Into<String>, value: impl ToString, note: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.to_string(), note: note.into() }
    }
}

/// What a process is made of, seen from one side.
trait Aspect {
    /// What it is called, in the output and in the verdicts.
    const NAME: &'static str;

    /// The facts, a line each.
    fn rows(&self) -> Vec<Row>;

    /// How contained the process is in this respect.
    fn verdict(&self, than: &Reference) -> (Degree, String);
}

impl Xray {
    /// Look through `subject`, and hold it against the process of `reference`.
    ///
    /// Nothing is said of a process that ended meanwhile: what was read can be that of nobody.
    pub fn examine(subject: &Subject, reference: (Reference, Subject)) -> Result<Self, Cannot> {
        let (compared_with, other) = reference;
        let (pid, than) = (subject.pid, other.pid);
        let namespaces = Namespaces::read(pid, than);
        let scope = users::Scope::of(&namespaces);
        let mut xray = Self {
            version: VERSION,
            process: Process::read(pid, &namespaces),
            users: Users::read(pid, scope),
            cgroups: Cgroups::read(pid),
            files: Files::read(pid, than, &namespaces),
            capabilities: Capabilities::read(pid, scope),
            confinement: Confinement::read(pid),
            namespaces,
            compared_with,
            verdicts: vec![],
            total: Verdict::default(),
        };
        subject.is_still_there()?;
        other.is_still_there()?;
        xray.verdicts = xray.sections().into_iter().map(|(verdict, _)| verdict).collect();
        xray.total = Verdict::total(&xray.verdicts, &xray.compared_with);
        Ok(xray)
    }

    /// The verdict on each aspect, and its facts.
    pub fn sections(&self) -> Vec<(Verdict, Vec<Row>)> {
        vec![
            self.section(&self.process),
            self.section(&self.namespaces),
            self.section(&self.users),
            self.section(&self.cgroups),
            self.section(&self.files),
            self.section(&self.capabilities),
            self.section(&self.confinement),
        ]
    }

    fn section<A: Aspect>(&self, aspect: &A) -> (Verdict, Vec<Row>) {
        let (degree, text) = aspect.verdict(&self.compared_with);
        (Verdict { aspect: A::NAME, degree, text }, aspect.rows())
    }
}
