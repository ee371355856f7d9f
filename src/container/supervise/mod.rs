//! The process that looks after containers: it waits for their ends, and passes signals and output on.
//!
//! It is the maker of their first processes, has a single thread, and is in charge of their records. Signals are
//! kept back and read from a descriptor, so that everything happens in one loop and nothing in between.

mod flow;
mod raw_mode;
mod signals;

use std::os::fd::OwnedFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use flow::Flow;
pub use raw_mode::RawMode;
use signals::Signals;

use super::error::{Error, Result, doing};
use super::limits;
use super::network::Held;
use super::records::{Entry, Record, now};
use super::run::Launched;
use super::start::{Started, gate::News};
use crate::kernel::process::{Ended, Sig};
use crate::kernel::{Errno, Pid, terminal};

/// Looks after the containers that it has been given.
#[derive(Debug)]
pub struct Supervisor {
    signals: Signals,
    /// Those that came before there was a program.
    early: Vec<Sig>,
    charges: Vec<Charge>,
    flows: Vec<Flow>,
    /// The master's end of a container's terminal, whose size follows that of ours.
    terminal: Option<OwnedFd>,
    /// How many flows there are to and from it.
    ways: usize,
    last: Ended,
}

/// A container that it looks after.
#[derive(Debug)]
struct Charge {
    pid: Pid,
    /// None of a program that somebody else's container runs besides.
    record: Option<Record>,
    /// The host's ports that are its own.
    _held: Held,
}

impl Supervisor {
    /// Keep signals back. To be called before the first container is started, so that none is missed.
    pub fn begin() -> Result<Self> {
        let signals = Signals::keep_back()?;
        let (early, charges, flows) = (vec![], vec![], vec![]);
        Ok(Self { signals, early, charges, flows, terminal: None, ways: 0, last: Ended::Exited(0) })
    }

    /// Wait until a container has become its program, and look after it. One that failed leaves nothing behind.
    ///
    /// The master's end of its terminal, if it has one.
    pub fn take(&mut self, launched: Launched) -> Result<Option<OwnedFd>> {
        let Launched { record, mut started, held } = launched;
        match self.await_program(&mut started) {
            Ok(terminal) => {
                self.charges.push(Charge { pid: started.pid, record: Some(record), _held: held });
                Ok(terminal)
            }
            Err(error) => {
                // If that fails, the next command does it.
                let _ = record.remove();
                Err(error)
            }
        }
    }

    /// The same of a program that a container runs besides: it has no record.
    pub fn take_guest(&mut self, mut started: Started) -> Result<Option<OwnedFd>> {
        let terminal = self.await_program(&mut started)?;
        self.charges.push(Charge { pid: started.pid, record: None, _held: Held::default() });
        Ok(terminal)
    }

    /// Whoever wants us to end does not wait for a start.
    fn await_program(&mut self, started: &mut Started) -> Result<Option<OwnedFd>> {
        let mut terminal = None;
        loop {
            let mut fds = [started.ear(), self.signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                polled => doing("cannot wait for the container", polled.map_err(Into::into))?,
            };
            if fds[0].any().unwrap_or(true) {
                match started.hear()? {
                    News::Program => return Ok(terminal),
                    News::Terminal(passed) => terminal = passed,
                }
            }
            while let Some(signal) = self.signals.next()? {
                if signals::ENDING.contains(&signal) {
                    started.stop();
                    return Err(Error::Interrupted(signal));
                }
                self.early.push(signal);
            }
        }
    }

    /// Copy what can be read from one descriptor to another.
    pub fn copy(&mut self, flow: Flow) {
        self.flows.push(flow);
    }

    /// Keep a container's terminal as large as ours.
    pub fn keep_size(&mut self, master: OwnedFd) {
        (self.terminal, self.ways) = (Some(master), self.flows.len());
        self.resize();
    }

    fn resize(&self) {
        if let Some(master) = &self.terminal {
            // Ours may have no size.
            let _ = terminal::copy_window_size(std::io::stdin(), master);
        }
    }

    /// Look after them until the last one has ended, and learn how that was.
    pub fn look_after(mut self) -> Result<Ended> {
        self.reap()?;
        for signal in std::mem::take(&mut self.early) {
            self.handle(signal)?;
        }
        while !self.charges.is_empty() {
            self.await_something()?;
            while let Some(signal) = self.signals.next()? {
                self.handle(signal)?;
            }
        }
        Ok(self.last)
    }

    fn handle(&mut self, signal: Sig) -> Result<()> {
        match signal {
            Sig::SIGCHLD => self.reap()?,
            Sig::SIGWINCH => self.resize(),
            other => self.pass_on(other),
        }
        Ok(())
    }

    fn await_something(&mut self) -> Result<()> {
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.flows.iter().filter_map(Flow::poll_fd));
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => return Ok(()),
            polled => doing("cannot wait for signals", polled.map_err(Into::into))?,
        };
        let ready: Vec<bool> = fds[1..].iter().map(|fd| fd.any().unwrap_or(true)).collect();
        for (flow, _) in self.flows.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            flow.go_on();
        }
        self.flows.retain(|flow| !flow.is_done());
        if self.terminal.is_some() && self.flows.len() < self.ways {
            // One of the two terminals is gone: the other one hangs up.
            self.terminal = None;
            self.flows.clear();
        }
        Ok(())
    }

    fn pass_on(&self, signal: Sig) {
        for charge in &self.charges {
            // One that has just ended gets no signals any more.
            let _ = crate::kernel::process::kill(charge.pid, signal);
        }
    }

    /// Whoever has ended is written down.
    fn reap(&mut self) -> Result<()> {
        while let Some((pid, ended)) = signals::ended()? {
            let Some(at) = self.charges.iter().position(|charge| charge.pid == pid) else { continue };
            let Charge { record, .. } = self.charges.swap_remove(at);
            self.last = ended;
            // All that it wrote has been written by now.
            self.flows.iter_mut().for_each(Flow::drain);
            record.map_or(Ok(()), |record| finish(&record, ended))?;
        }
        Ok(())
    }
}

/// A container has ended: what is left of it is its record and its files, or nothing.
fn finish(record: &Record, ended: Ended) -> Result<()> {
    let code = ended.shell_status();
    let out_of_memory = ended == Ended::Killed(Sig::SIGKILL)
        && record.container()?.as_ref().is_some_and(limits::ran_out_of_memory);
    record.happened(&Entry::Exited { time: now(), code, out_of_memory })?;
    if record.created.auto_remove {
        return record.remove();
    }
    record.container()?.map_or(Ok(()), |container| record.release(&container))
}
