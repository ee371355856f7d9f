//! What can be done to a container that runs.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, OwnedFd};

use super::error::{Error, Result, doing};
use super::limits;
use super::records::settle::Charge;
use super::records::{Container, Entry, Record, Records, State};
use crate::kernel::namespace::pidfd_open;
use crate::kernel::process::{Sig, kill as send};
use crate::kernel::{Errno, Refused};
use crate::trace::Identity;

/// How long a supervisor may take to write down an end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process 1 of a container, held so that its number cannot become another's.
struct Init {
    identity: Identity,
    pidfd: OwnedFd,
}

impl Init {
    fn of(container: &Container) -> Result<Option<Self>> {
        let identity = container.running()?;
        let pidfd = match pidfd_open(identity.pid()) {
            refused if refused.refused() == Some(Errno::ESRCH) => return Ok(None),
            opened => opened?,
        };
        Ok(Some(Self { identity, pidfd }).filter(|init| init.identity.is_alive()))
    }

    fn send(&self, signal: Sig) -> Result<()> {
        match send(self.identity.pid(), signal) {
            refused if refused.refused() == Some(Errno::ESRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Whether it has ended by then; without a time it is waited for.
    fn has_ended(&self, patience: Option<Duration>) -> Result<bool> {
        let begun = Instant::now();
        loop {
            let left = patience.map(|patience| patience.saturating_sub(begun.elapsed()));
            let timeout = left
                .map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
            let mut end = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut end, timeout) {
                Err(Errno::EINTR) => {}
                polled => return Ok(doing("cannot wait for the container", polled.map_err(Into::into))? > 0),
            }
        }
    }
}

/// Send a signal to its process 1.
pub fn kill(container: &Container, signal: Sig) -> Result<()> {
    let Some(init) = Init::of(container)? else {
        return Err(Error::NotRunning(container.created.name.clone()));
    };
    init.send(signal)?;
    if signal == Sig::SIGKILL {
        limits::thaw(container);
    }
    Ok(())
}

/// Ask it to end, and end it if it has not done so in time.
pub fn stop(records: &Records, container: &Container, signal: Sig, patience: Duration) -> Result<()> {
    if let Some(init) = Init::of(container)? {
        init.send(signal)?;
        limits::thaw(container);
        if !init.has_ended(Some(patience))? {
            init.send(Sig::SIGKILL)?;
            init.has_ended(Some(PATIENCE))?;
        }
    }
    ended(records, container).map(drop)
}

/// Wait for its end, however long that takes: its exit code.
pub fn wait(records: &Records, container: &Container) -> Result<i32> {
    if let (Ok(_), Some(init)) = (container.running(), Init::of(container).ok().flatten()) {
        init.has_ended(None)?;
    }
    ended(records, container)
}

/// Its process 1 has ended: wait until its supervisor has written that down, or do it if that is gone.
fn ended(records: &Records, container: &Container) -> Result<i32> {
    let journal = records.watch(&container.id);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        // A journal that has been removed can still be read.
        if let Some((code, _)) = journal.as_ref().and_then(|journal| journal.read()).and_then(|now| now.exit)
        {
            return Ok(code);
        }
        match records.find(container.id.as_ref()) {
            Ok(now) if now.exit.is_some() => continue,
            Ok(_) => std::thread::sleep(Duration::from_millis(2)),
            Err(Error::Unknown(_)) => return Ok(KILLED),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Late(format!("the supervisor of {} does not notice its end", container.created.name)))
}

/// The status of what was killed, and nobody has seen it.
const KILLED: i32 = 137;

/// Let everything in it stand still.
pub fn pause(records: &Records, container: &Container) -> Result<()> {
    container.running()?;
    if container.state == State::Paused {
        return Err(Error::State { name: container.created.name.clone(), state: "paused already" });
    }
    let group = limits::freezer(container)?;
    let dir = group.dirs().next().map(std::path::PathBuf::from).unwrap_or_default();
    // Written down first: whoever ends it has to let it go on before.
    records.happened(&container.id, &Entry::Paused { group: dir })?;
    limits::freeze(container, &group)
}

/// Let it go on.
pub fn unpause(records: &Records, container: &Container) -> Result<()> {
    container.running()?;
    let Some(group) = &container.paused_by else {
        return Err(Error::State { name: container.created.name.clone(), state: "not paused" });
    };
    crate::kernel::cgroup::thaw_dir(group)?;
    records.happened(&container.id, &Entry::Unpaused)
}

/// Remove containers. Those that run are ended first if that is wanted, all of them at once.
pub fn remove(records: &Records, containers: &[Container], force: bool) -> Vec<Result<()>> {
    if force {
        for container in containers {
            // One that does not run needs no end.
            let _ = kill(container, Sig::SIGKILL);
        }
    }
    containers.iter().map(|container| remove_one(records, container, force)).collect()
}

fn remove_one(records: &Records, container: &Container, force: bool) -> Result<()> {
    if !force && matches!(container.state, State::Running | State::Paused) {
        return Err(Error::Running(container.created.name.clone()));
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match records.take_charge(&container.id)? {
            // Somebody else has removed it.
            Charge::Gone => return Ok(()),
            Charge::Ours(record) => return remove_ours(&record),
            Charge::Taken if !force => {
                let now = records.read(&container.id)?;
                if now.is_some_and(|now| now.state != State::Exited) {
                    return Err(Error::Running(container.created.name.clone()));
                }
            }
            // It was being started, and may run now.
            Charge::Taken if container.state == State::Created => {
                let _ = records.read(&container.id)?.map(|now| kill(&now, Sig::SIGKILL));
            }
            Charge::Taken => {}
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Err(Error::Late(format!("the supervisor of {} does not let go of it", container.created.name)))
}

fn remove_ours(record: &Record) -> Result<()> {
    if let Some(now) = record.container()?.filter(|now| now.exit.is_none()) {
        record.end(&now)?;
    }
    record.remove()
}
