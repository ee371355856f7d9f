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
use crate::error::{Error, Result, doing};
use crate::kernel::namespace::setns;
use crate::kernel::process::{Clone3, Ended, Sig, execve, wait4};
use crate::kernel::{Errno, Pid, raw};
use crate::machine::{Attempt, Mode, explain};
use crate::probe;
use crate::trace::{Identity, Ledger, RunId, Trace};

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
        doing("writing the lab's ledger", self.ledger.note(trace))
    }

    /// With which powers the scene is set.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The process that holds the scene.
    pub fn holder_pid(&self) -> i32 {
        self.record.holder_pid()
    }

    /// A command line that runs `command` in some of the namespaces of the process that holds the scene.
    pub fn nsenter(&self, kinds: &str, command: &str) -> String {
        self.mode.nsenter(self.record.holder_pid(), kinds, command)
    }

    /// A directory on the host that belongs to this scene.
    pub fn directory(&mut self) -> Result<PathBuf> {
        let dir = self.store.scene_dir(&self.record.lab);
        self.note(&Trace::Directory(dir.clone()))?;
        doing("making the scene's directory", std::fs::create_dir_all(&dir))?;
        Ok(dir)
    }

    /// Fork the process that holds the scene. In there `set` is done, in namespaces of its own with an empty
    /// `/tmp`; then it waits for its end.
    pub fn hold(&mut self, set: impl FnOnce(Mode) -> Result<()>) -> Result<()> {
        let mode = self.mode;
        let holder = lasting(&self.ledger, || {
            mode.enter()?;
            set(mode)
        })?;
        self.record.holder = Identity::of(holder);
        Ok(())
    }
}

/// Make a process that outlives this command: it does `work` in a session of its own, then stays until
/// `lab reset`. Returns when the work is done.
pub fn lasting(ledger: &Ledger, work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    let (reader, writer) = pipe()?;
    let Some(pid) = fork()? else {
        drop(reader);
        stay(
            writer,
            doing("leaving the terminal", detach()).and_then(|()| work()).map(|()| nix::unistd::pause),
        )
    };
    drop(writer);
    if let Some(identity) = Identity::of(pid) {
        doing("writing the lab's ledger", ledger.note(&Trace::Process(identity)))?;
    }
    report(reader).map(|()| pid)
}

/// Do `work` in all the namespaces of `pid`, as a student does it who has entered them.
pub fn inside(pid: Pid, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let (reader, writer) = pipe()?;
    let Some(visitor) = fork()? else {
        drop(reader);
        let entered = setns(pid, &probe::process::other_namespaces(pid));
        let told = tell(writer, entered.map_err(Error::from).and_then(|()| work()));
        raw::exit_now(i32::from(!told))
    };
    drop(writer);
    let told = report(reader);
    wait4(Some(visitor))?;
    told
}

/// What `work` finds out in all the namespaces of `pid`.
pub fn ask_inside(pid: Pid, work: impl FnOnce() -> Result<String>) -> Result<String> {
    let (reader, writer) = pipe()?;
    let (reader, writer) = (File::from(reader), File::from(writer));
    let told = inside(pid, || doing("answering from inside", (&writer).write_all(work()?.as_bytes())));
    drop(writer);
    told.and_then(|()| doing("asking inside", io::read_to_string(reader)))
}

/// Make a process that does `work`, then becomes another program. It is ended together with its maker.
pub fn program(clone: Clone3, work: impl FnOnce() -> Result<()>, path: &str, argv: &[&str]) -> Result<Pid> {
    let (reader, writer) = pipe()?;
    let Some(pid) = clone.call(None)? else {
        drop(reader);
        let failed = end_with_maker()
            .and_then(|()| work())
            .map_or_else(|error| error, |()| execve(path, argv, &["PATH=/bin"]).into());
        tell(writer, Err(failed));
        raw::exit_now(1)
    };
    drop(writer);
    // The pipe is closed by execve: nothing was written if that succeeded.
    let report = doing("starting a program", io::read_to_string(File::from(reader)))?;
    if report.is_empty() { Ok(pid) } else { Err(told(report.trim_end_matches(END))) }
}

/// Do `work` in a process that is made for it, and says nothing: how it ends. It exits with what the work says.
pub fn apart(work: impl FnOnce() -> i32) -> Result<Ended> {
    let null = doing("opening /dev/null", File::options().write(true).open("/dev/null"))?;
    let Some(pid) = fork()? else {
        let silent = nix::unistd::dup2_stdout(&null).and_then(|()| nix::unistd::dup2_stderr(&null));
        raw::exit_now(silent.map_or(1, |()| work()));
    };
    Ok(wait4(Some(pid))?.1)
}

fn fork() -> Result<Option<Pid>> {
    doing("making a process", raw::fork().map_err(io::Error::from))
}

/// The kernel ends this process when its maker ends.
fn end_with_maker() -> Result<()> {
    let armed = raw::set_parent_death_signal(Some(Sig::SIGKILL));
    doing("prctl(PR_SET_PDEATHSIG)", armed.map_err(io::Error::from))
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    doing("making a pipe", nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(io::Error::from))
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
    let clearing = format!("clearing the old scene away in {}", store.dir().display());
    let left = doing(clearing, store.forget(id))?;
    if !left.is_empty() {
        let again = format!("glassbox lab start {id}");
        return Err(Error::Told(explain(Attempt::leftover(left.join("; "), again))));
    }
    doing(format!("making {}", store.dir().display()), std::fs::create_dir_all(store.dir()))?;
    let ledger = doing("writing the lab's ledger", Ledger::begin(store.dir(), id))?;
    let record = Record { lab: id.into(), boot_id: boot_id(), ..Record::default() };
    let mut setting = Setting { record, store: store.clone(), ledger, mode };
    let begun = (lab.begin)(&mut setting)
        .and_then(|()| doing("keeping the lab's record", store.save(&setting.record)));
    if begun.is_err() {
        // Why it could not begin is what counts; what is left now is in the ledger for the next start.
        let _ = store.forget(id);
    }
    begun.map(|()| setting.record)
}

/// Do what a lab asks for, as its reference does it; returns the answer to its question.
pub fn solve(lab: &Lab, record: &Record, store: &Store) -> Result<Option<String>> {
    let ledger = doing("writing the lab's ledger", Ledger::resume(&store.ledger(&record.lab)))?;
    (lab.solve)(record, &ledger)
}

/// Take a scene down; returns what could not be removed.
pub fn stop(id: &str, store: &Store) -> Result<Vec<String>> {
    doing("clearing the scene away", store.forget(id))
}

/// Make a process of the scene: it does `work`, then stays until it is ended. Returns when the work is done.
///
/// It is ended together with its maker.
pub fn resident(clone: Clone3, work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    busy(clone, || work().map(|()| nix::unistd::pause))
}

/// The same with something to do: what the work leads to is done again and again.
pub fn busy<F: FnMut()>(clone: Clone3, work: impl FnOnce() -> Result<F>) -> Result<Pid> {
    let (reader, writer) = pipe()?;
    let Some(pid) = clone.call(None)? else {
        drop(reader);
        stay(writer, end_with_maker().and_then(|()| work()))
    };
    drop(writer);
    report(reader).map(|()| pid)
}

/// Try to make a process that stays: which errno came, if the kernel would not.
pub fn try_resident(
    clone: Clone3,
    work: impl FnOnce() -> Result<()>,
) -> Result<std::result::Result<Pid, Errno>> {
    match resident(clone, work) {
        Ok(pid) => Ok(Ok(pid)),
        Err(Error::Kernel(refused)) if refused.call == "clone3" => Ok(Err(refused.errno)),
        Err(other) => Err(other),
    }
}

/// Report how the work went, and if it went well, stay, and do what it leads to.
fn stay<F: FnMut()>(writer: OwnedFd, done: Result<F>) -> ! {
    let (done, again) = match done {
        Ok(again) => (Ok(()), Some(again)),
        Err(error) => (Err(error), None),
    };
    let told = tell(writer, done);
    let Some(mut again) = again.filter(|_| told) else { raw::exit_now(1) };
    loop {
        again();
    }
}

/// Report how the work went; whether it went well, and somebody heard it.
fn tell(writer: OwnedFd, done: Result<()>) -> bool {
    // Processes made meanwhile hold this pipe too, so its end is no sign: a byte is.
    let report = |error: &Error| serde_json::to_string(&error.explained()).unwrap_or_default();
    let report = done.as_ref().err().map(report).unwrap_or_default();
    write!(File::from(writer), "{report}{END}").is_ok() && done.is_ok()
}

/// The error in a report.
fn told(report: &str) -> Error {
    serde_json::from_str(report).map_or_else(|_| Error::Lesson(report.into()), Error::Told)
}

/// The end of a report.
const END: char = '\0';

/// Wait for what [`tell`] says.
fn report(reader: OwnedFd) -> Result<()> {
    let mut report = vec![];
    let read = BufReader::new(File::from(reader)).read_until(END as u8, &mut report);
    doing("waiting for the scene", read)?;
    match report.split_last() {
        Some((end, [])) if *end == END as u8 => Ok(()),
        Some((_, text)) => Err(told(&String::from_utf8_lossy(text))),
        None => Err(Error::Lesson("the process that should set the scene has ended".into())),
    }
}
