//! Scenes: what a lab finds on the machine when the student begins.
//!
//! A scene that needs namespaces is held by a process of its own session, so that it outlives the terminal
//! that it was started from. It ends with `lab reset`, or with the machine.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::Lab;
use super::record::{Record, Store, boot_id};
use crate::kernel::process::{Clone3, Sig};
use crate::kernel::{Pid, raw};
use crate::machine::Mode;
use crate::stage::{Error, Result, RunId};
use crate::trace::{Identity, Ledger, Trace};

/// A scene that is being set.
pub struct Setting {
    record: Record,
    store: Store,
    ledger: Ledger,
    mode: Mode,
}

impl Setting {
    /// Draw a number and remember it.
    pub fn draw(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> u64 {
        let span = range.end() - range.start() + 1;
        let number = range.start() + crate::machine::random() % span;
        self.remember(name, number.to_string());
        number
    }

    /// Draw a name that begins with `stem`, and remember it.
    pub fn draw_name(&mut self, name: &str, stem: &str) -> String {
        let drawn = format!("{stem}-{}", RunId::draw());
        self.remember(name, drawn.clone());
        drawn
    }

    /// Remember something for `task` and `check`.
    pub fn remember(&mut self, name: &str, value: impl Into<String>) {
        self.record.values.insert(name.into(), value.into());
    }

    /// What is going to be removed by `lab reset`.
    pub fn note(&self, trace: &Trace) -> Result<()> {
        io("writing the lab's ledger", self.ledger.note(trace))
    }

    /// With which powers the scene is set.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// A directory on the host that belongs to this scene.
    pub fn directory(&mut self) -> Result<PathBuf> {
        let dir = self.store.scene_dir(&self.record.lab);
        self.note(&Trace::Directory(dir.clone()))?;
        io("making the scene's directory", std::fs::create_dir_all(&dir))?;
        Ok(dir)
    }

    /// Fork the process that holds the scene. In there `set` is done, in namespaces of its own with an empty
    /// `/tmp`; then it waits for its end.
    pub fn hold(&mut self, set: impl FnOnce(Mode) -> Result<()>) -> Result<()> {
        let pipe = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(io::Error::from);
        let (reader, writer) = io("making a pipe", pipe)?;
        let forked = raw::fork().map_err(io::Error::from);
        let Some(pid) = io("making a process", forked)? else {
            drop(reader);
            let detached = io("leaving the terminal", detach());
            let entered = detached.and_then(|()| Ok(self.mode.enter()?));
            stay(writer, entered.and_then(|()| set(self.mode)))
        };
        drop(writer);
        self.record.holder = Identity::of(pid);
        if let Some(identity) = self.record.holder {
            self.note(&Trace::Process(identity))?;
        }
        report(reader)
    }
}

fn io<T>(what: &str, result: io::Result<T>) -> Result<T> {
    result.map_err(|why| Error::Io { what: what.into(), why })
}

/// A session of its own, and no hand on the terminal.
fn detach() -> io::Result<()> {
    nix::unistd::setsid()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Set the scene of a lab, in place of one that may be there.
pub fn start(lab: &Lab, id: &str, store: &Store, mode: Mode) -> Result<Record> {
    io("clearing the old scene away", store.forget(id))?;
    io("making the labs directory", std::fs::create_dir_all(store.dir()))?;
    let ledger = io("writing the lab's ledger", Ledger::begin(store.dir(), id))?;
    let record = Record { lab: id.into(), boot_id: boot_id(), ..Record::default() };
    let mut setting = Setting { record, store: store.clone(), ledger, mode };
    let begun =
        (lab.begin)(&mut setting).and_then(|()| io("keeping the lab's record", store.save(&setting.record)));
    if begun.is_err() {
        io("clearing the scene away", store.forget(id))?;
    }
    begun.map(|()| setting.record)
}

/// Take a scene down; returns what could not be removed.
pub fn stop(id: &str, store: &Store) -> Result<Vec<String>> {
    io("clearing the scene away", store.forget(id))
}

/// Make a process of the scene: it does `work`, then stays until it is ended. Returns when the work is done.
///
/// It is ended together with its maker.
pub fn resident(clone: Clone3, work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    let pipe = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(io::Error::from);
    let (reader, writer) = io("making a pipe", pipe)?;
    let Some(pid) = clone.call(None)? else {
        drop(reader);
        let armed = raw::set_parent_death_signal(Some(Sig::SIGKILL)).map_err(io::Error::from);
        let done = io("prctl(PR_SET_PDEATHSIG)", armed).and_then(|()| work());
        stay(writer, done)
    };
    drop(writer);
    report(reader).map(|()| pid)
}

/// Report how the work went, and if it went well, stay.
fn stay(writer: OwnedFd, done: Result<()>) -> ! {
    // Processes made meanwhile hold this pipe too, so its end is no sign: a byte is.
    let report = done.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let told = write!(File::from(writer), "{report}{END}");
    if done.is_err() || told.is_err() {
        raw::exit_now(1);
    }
    loop {
        nix::unistd::pause();
    }
}

/// The end of a report.
const END: char = '\0';

/// Wait for the report of [`stay`].
fn report(reader: OwnedFd) -> Result<()> {
    let mut report = vec![];
    let read = BufReader::new(File::from(reader)).read_until(END as u8, &mut report);
    io("waiting for the scene", read)?;
    match report.split_last() {
        Some((end, [])) if *end == END as u8 => Ok(()),
        Some((_, text)) => Err(Error::Lesson(String::from_utf8_lossy(text).into_owned())),
        None => Err(Error::Lesson("the process that should hold the scene has ended".into())),
    }
}
