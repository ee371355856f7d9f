//! Child processes of a lesson, each a lane of its own.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::channel::{Channel, Message, retry};
use super::{Error, Light, Result, Stage};
use crate::error::doing;
use crate::event::Body;
use crate::kernel::cgroup::Group;
use crate::kernel::process::{Clone3, Ended, Sig};
use crate::kernel::{Pid, process, raw};
use crate::machine::Refusal;

/// Between a process and its maker: who acts, and whether the other one is still there.
pub(super) struct Gate(UnixStream);

const HOLDING: u8 = b'h';
const GO_ON: u8 = b'g';

impl Gate {
    /// The next byte from the other end; `None` when it is closed.
    fn wait(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(1) => Some(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.wait(),
            _ => None,
        }
    }

    fn send(&mut self, byte: u8) -> bool {
        self.0.write_all(&[byte]).is_ok()
    }
}

/// A child, as its maker sees it.
pub struct Child {
    lane: String,
    pid: Pid,
    gate: Gate,
}

impl Stage {
    /// Make a child in lane `lane` that performs `body`. Returns when it [holds](Stage::hold), ends, or has
    /// become another program. One of many can be made [backstage](Stage::backstage), where it stays.
    pub fn child(
        &self,
        lane: &str,
        clone: Clone3,
        body: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Child> {
        self.spawn(lane, clone, None, body)
    }

    /// The same, with the child inside of a cgroup from its first instruction.
    pub fn child_in(
        &self,
        group: &Group,
        lane: &str,
        clone: Clone3,
        body: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Child> {
        self.spawn(lane, clone, Some(group), body)
    }

    fn spawn(
        &self,
        lane: &str,
        clone: Clone3,
        group: Option<&Group>,
        body: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Child> {
        let (channel, directors_end) = doing("making a socket pair", Channel::pair())?;
        let (ours, theirs) = doing("making a socket pair", UnixStream::pair())?;
        let light = self.light.get();
        let backstage = light == Light::Backstage;
        self.ask(&Message::Lane { name: lane.into(), backstage }, Some(&directors_end));
        drop(directors_end);
        let target = group.map(Group::clone_target).transpose()?.flatten();
        match clone.call(target.as_ref().map(AsFd::as_fd))? {
            Some(pid) => {
                drop((theirs, channel));
                let mut child = Child { lane: lane.into(), pid, gate: Gate(ours) };
                child.go_on();
                Ok(child)
            }
            None => {
                drop(ours);
                // The maker's own channel must close when the maker ends, not when we do.
                let _ = nix::unistd::close(self.channel.fd().as_raw_fd());
                let join = group.filter(|_| target.is_none());
                let mut stage = Stage::new(channel, Rc::clone(&self.scene), Some(Gate(theirs)));
                stage.light.set(light);
                let code = stage.act(|stage| {
                    stage.die_with_maker()?;
                    stage.ask(&Message::Here, None);
                    stage.await_turn();
                    join.map_or(Ok(()), Group::join)?;
                    body(stage)
                });
                raw::exit_now(code)
            }
        }
    }

    /// Perform, report what went wrong, and say with which status to exit.
    pub(super) fn act(&mut self, body: impl FnOnce(&mut Stage) -> Result<()>) -> i32 {
        let result = catch_unwind(AssertUnwindSafe(|| body(self)));
        let failed = match result {
            Ok(Ok(())) => return 0,
            Ok(Err(error)) if error.was_shown() => return 1,
            Ok(Err(error)) => error,
            Err(_panic) => Error::Lesson("glassbox itself has a fault: see the panic message above".into()),
        };
        let Refusal { why, hint } = failed.explained();
        self.show(Body::Failed { error: why, hint });
        1
    }

    /// The kernel ends this process when its maker ends.
    pub(super) fn die_with_maker(&self) -> Result<()> {
        doing("prctl(PR_SET_PDEATHSIG)", raw::set_parent_death_signal(Some(Sig::SIGKILL)).map_err(Into::into))
    }

    /// Stay as you are, and let the maker act until it lets you go on.
    pub fn hold(&mut self) -> Result<()> {
        let Some(gate) = &mut self.gate else {
            return Err(Error::Lesson("the first process has nobody to hold for".into()));
        };
        gate.send(HOLDING);
        self.await_turn();
        Ok(())
    }

    fn await_turn(&mut self) {
        if self.gate.as_mut().and_then(Gate::wait) != Some(GO_ON) {
            raw::exit_now(1); // the maker is gone
        }
    }

    /// Let the maker act until it has ended, and go on without it: an orphan.
    pub fn outlive_maker(&mut self) -> Result<()> {
        let what = "waiting for the maker's end";
        doing(what, raw::set_parent_death_signal(None).map_err(io::Error::from))?;
        let maker = rustix::process::getppid()
            .ok_or_else(|| Error::Lesson("the maker cannot be seen from here".into()))?;
        let maker = rustix::process::pidfd_open(maker, rustix::process::PidfdFlags::empty());
        let maker = doing(what, maker.map_err(io::Error::from))?;
        if let Some(gate) = &mut self.gate {
            gate.send(HOLDING);
        }
        // Readable when the process has ended and its children have got their new parent.
        let mut end = [PollFd::new(maker.as_fd(), PollFlags::POLLIN)];
        doing(what, retry(|| poll(&mut end, PollTimeout::NONE)).map(drop).map_err(io::Error::from))
    }
}

impl Child {
    /// Its number, as its maker sees it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Let it act until it holds again, ends, or has become another program.
    pub fn go_on(&mut self) {
        if self.gate.send(GO_ON) {
            self.gate.wait();
        }
    }

    /// Wait for its end, and learn how it ended.
    pub fn wait(self) -> Result<Ended> {
        Ok(process::wait4(Some(self.pid))?.1)
    }

    /// Let it go on to its end, which must be a good one.
    pub fn finish(mut self) -> Result<()> {
        self.go_on();
        let lane = self.lane.clone();
        match self.wait()? {
            Ended::Exited(0) => Ok(()),
            ended => Err(Error::Lane { lane, ended }),
        }
    }
}
