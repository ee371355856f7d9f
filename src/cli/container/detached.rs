//! Containers that nobody waits for: a process of its own looks after them. The command ends when they run.
//!
//! ```text
//! command ◀── a line for each that runs, `!CODE` if one could not be started ── supervisor ── makes ──▶ containers
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use super::streams::{self, Wiring};
use super::{Outcome, coded, ours};
use crate::cli::problem::Problem;
use crate::container::error::Error;
use crate::container::run::{Ground, Launched, Order};
use crate::container::start::Dark;
use crate::container::supervise::Supervisor;
use crate::image::Store;
use crate::kernel::process::{raise_open_files, setsid};
use crate::kernel::raw;
use crate::kernel::talk::pipe2;

/// How many there are to be, and what each gets.
pub(super) struct Several<'a> {
    pub(super) order: &'a Order,
    pub(super) count: usize,
    pub(super) interactive: bool,
}

/// Start them, and print the number of each.
pub(super) fn run(several: &Several, ground: &Ground, store: Store) -> Outcome {
    let (hear, tell) = pipe2().map_err(|error| coded(error.into()))?;
    let supervisor = raw::fork().map_err(|errno| ours(Problem::system("cannot fork", errno)))?;
    if supervisor.is_none() {
        drop(hear);
        let done = supervise(several, ground, store, tell);
        raw::exit_now(i32::from(done.is_err()))
    }
    drop((tell, store));
    // Without a line the supervisor was killed.
    let (mut code, mut numbers) = (None, vec![]);
    for line in BufReader::new(hear).lines() {
        let line = line?;
        match line.strip_prefix('!') {
            Some(number) => code = number.parse::<u8>().ok(),
            None => numbers.push(line),
        }
        show_progress(numbers.len(), several.count);
    }
    if several.count > 1 && io::stderr().is_terminal() {
        writeln!(io::stderr())?;
    }
    let mut out = io::stdout().lock();
    numbers.iter().try_for_each(|number| writeln!(out, "{number}"))?;
    if code.is_none() && numbers.len() < several.count {
        return Err(coded(Error::Late("the supervisor ended before its time".into())));
    }
    Ok(ExitCode::from(code.unwrap_or(0)))
}

/// A bar that fills, where somebody looks.
fn show_progress(done: usize, all: usize) {
    const WIDTH: usize = 40;
    if all > 1 && io::stderr().is_terminal() {
        let filled = done * WIDTH / all;
        let (full, empty) = ("█".repeat(filled), "░".repeat(WIDTH - filled));
        let _ = write!(io::stderr(), "\r{full}{empty} {done}/{all}");
    }
}

fn supervise(several: &Several, ground: &Ground, store: Store, mut tell: File) -> Result<(), Problem> {
    let mut supervisor = Supervisor::begin()?;
    let mut kept = vec![];
    let started = start_all(several, ground, &mut supervisor, &mut kept, &mut tell);
    drop(store);
    if let Err(problem) = started {
        problem.tell();
        // Whoever asked may be gone.
        let _ = writeln!(tell, "!{}", problem.code());
    }
    drop(tell);
    streams::let_go()?;
    raw::forget_code();
    Ok(supervisor.look_after().map(drop)?)
}

/// While one becomes its program, the next one is made.
fn start_all(
    several: &Several,
    ground: &Ground,
    supervisor: &mut Supervisor,
    kept: &mut Vec<OwnedFd>,
    tell: &mut File,
) -> Result<(), Problem> {
    /// Of each its record's directory and journal are open, and its ports.
    const FILES: usize = 2;
    const BESIDES: usize = 64;
    setsid().map_err(|error| coded(error.into()))?;
    if several.count > 1 {
        let files = FILES + several.order.spec.network.ports().len();
        raise_open_files((several.count * files + BESIDES) as u64).map_err(|error| coded(error.into()))?;
    }
    let mut before = None;
    for number in 1..=several.count {
        let launched = launch(several, number, ground, supervisor, kept);
        if let Some(before) = before.take() {
            take(before, supervisor, tell)?;
        }
        before = Some(launched?);
    }
    before.map_or(Ok(()), |last| take(last, supervisor, tell))
}

fn launch(
    several: &Several,
    number: usize,
    ground: &Ground,
    supervisor: &mut Supervisor,
    kept: &mut Vec<OwnedFd>,
) -> Result<Launched, Problem> {
    let mut order = several.order.clone();
    if several.count > 1 && !order.name.is_empty() {
        order.name = format!("{}-{number}", order.name);
    }
    let terminal = order.spec.process.terminal;
    let (record, group) = ground.record(&order).map_err(coded)?;
    let logs = record.records().logs(&record.id);
    let wired = Wiring::detached(several.interactive, terminal, &logs);
    let (streams, wiring) = wired.inspect_err(|_| {
        // If that fails, the next command does it.
        let _ = record.remove();
    })?;
    let launched = ground.launch(record, group, streams, &mut Dark).map_err(coded)?;
    kept.extend(wiring.connect(supervisor));
    Ok(launched)
}

fn take(launched: Launched, supervisor: &mut Supervisor, tell: &mut File) -> Result<(), Problem> {
    let id = launched.record.id.clone();
    let logs = launched.record.records().logs(&id);
    if let Some(master) = supervisor.take(launched).map_err(coded)? {
        streams::log(supervisor, master, &logs)?;
    }
    // Whoever asked may be gone.
    let _ = writeln!(tell, "{id}");
    Ok(())
}
