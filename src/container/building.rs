//! Programs that a build starts: in containers without a record, whose changes become layers.

use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use super::error::{Result, doing};
use super::spec::{Network, Process, Spec};
use super::start::rootfs::Overlay;
use super::start::{Dark, Plan, Root, Streams, init_layer, null, start};
use crate::image::build::{Runner, Start};
use crate::image::{self, Users};
use crate::kernel::talk::pipe2;

/// What the host of a build is called, as buildkit has it.
const HOSTNAME: &str = "buildkitsandbox";

/// Starts the programs of builds.
#[derive(Debug)]
pub struct Building<'a> {
    /// The state directory.
    pub state: &'a Path,
    /// Whose files the layers have.
    pub users: &'a Users,
    /// Which network the programs have.
    pub network: Network,
}

impl Runner for Building<'_> {
    fn run(&mut self, start: &Start, output: &mut dyn FnMut(&[u8])) -> image::Result<u8> {
        self.try_run(start, output).map_err(|error| image::Error::Told(error.explained()))
    }
}

impl Building<'_> {
    fn try_run(&self, order: &Start, output: &mut dyn FnMut(&[u8])) -> Result<u8> {
        let process = Process {
            args: order.args.clone(),
            env: order.env.clone(),
            cwd: order.cwd.clone(),
            user: order.user.clone(),
            ..Process::default()
        };
        let spec = Spec { process, network: self.network.clone(), ..Spec::default() };
        let mut lower = vec![init_layer::provide(self.state)?];
        lower.extend(order.lower.iter().cloned());
        let root = Root::Overlay(Overlay {
            lower,
            upper: order.upper.clone(),
            work: order.work.clone(),
            merged: order.merged.clone(),
            // What becomes of it is written elsewhere, and waited for there.
            volatile: true,
            user_attributes: self.users.is_rootless(),
        });
        let (mut heard, said) = pipe2()?;
        let said = OwnedFd::from(said);
        let both = doing("cannot redirect the program's output", said.try_clone())?;
        let streams = Streams::Given([Some(null()?), Some(both), Some(said)]);
        let plan = Plan::new(&spec, HOSTNAME, root, self.users, streams)?;
        let mut started = start(&plan, &mut Dark)?;
        // The other end of the pipe is the container's alone from here on.
        drop(plan);
        started.await_program()?;
        // Its first process takes all others with it, and the last one the pipe.
        let read = pass_on(&mut heard, output);
        let ended = started.wait()?;
        doing("cannot hear the program", read)?;
        Ok(ended.shell_status().try_into().unwrap_or(u8::MAX))
    }
}

fn pass_on(heard: &mut impl Read, output: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = [0; 1 << 14];
    loop {
        match heard.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
