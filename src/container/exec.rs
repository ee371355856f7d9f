//! A second program in a container that runs.
//!
//! ```text
//! glassbox ──clone3──▶ guide: into the cgroup, setns
//!    ▲                   └──clone3 with CLONE_PARENT──▶ program
//!    └──── waits for its end ────────────────────────────┘
//! ```
//! A PID namespace is entered by children only, so it takes two processes. The first one ends at once, and what it has
//! made is a child of its own parent.

use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};

use super::Container;
use super::error::{Error, Result, doing};
use super::spec::{Network, Process};
use super::start::gate::Gate;
use super::start::inside::become_program;
use super::start::{Confinement, Dark, Started, Streams, begin};
use crate::image::Users;
use crate::kernel::cgroup::Group;
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::{Clone3, Ended, Sig, wait4};
use crate::kernel::talk::pipe2;
use crate::kernel::{Errno, Pid, raw};

/// Start a program in a container that runs; a detached one goes on when the caller ends. It may not have become that program yet: see [`Started::await_program`].
pub fn exec(
    container: &Container,
    users: &Users,
    process: &Process,
    streams: Streams,
    detached: bool,
) -> Result<Started> {
    let init = container.running()?;
    let confinement = Confinement::of(&container.created.spec.security)?;
    let (mut gate, theirs) = Gate::pair()?;
    let theirs = if detached { theirs.outlive_maker() } else { theirs };
    let (mut hear, tell) = pipe2()?;
    let Some(guide) = Clone3::new().call(None)? else {
        drop((gate, hear));
        let guided = guide_in(container, users, init.pid(), process, &confinement, &streams, theirs, tell);
        raw::exit_now(guided)
    };
    drop((theirs, tell));
    let mut number = [0; 4];
    let heard = hear.read_exact(&mut number);
    let (_, guided) = wait4(Some(guide))?;
    if heard.is_err() {
        // Whoever ends a container ends everybody who is in its cgroup.
        if guided == Ended::Killed(Sig::SIGKILL) {
            return Err(Error::NotRunning(container.created.name.clone()));
        }
        // It has said why.
        gate.await_failure()?;
    }
    doing("cannot enter the container", heard)?;
    Ok(Started::new(Pid::from_raw(i32::from_ne_bytes(number)), gate))
}

#[expect(clippy::too_many_arguments, reason = "all that two processes have in common")]
fn guide_in(
    container: &Container,
    users: &Users,
    init: Pid,
    process: &Process,
    confinement: &Confinement,
    streams: &Streams,
    mut gate: Gate,
    mut tell: File,
) -> i32 {
    let entered = enter(container, users, init).and_then(|()| Ok(Clone3::new().parent().call(None)?));
    match entered {
        Ok(Some(program)) => {
            // Whoever wanted to know may be gone; then the program ends by itself.
            let _ = tell.write_all(&program.as_raw().to_ne_bytes());
            0
        }
        Ok(None) => {
            drop(tell);
            let Err(error) = perform(process, confinement, streams, &mut gate);
            gate.tell_failure(&error);
            i32::from(error.exit_code())
        }
        Err(error) => {
            gate.tell_failure(&error);
            i32::from(error.exit_code())
        }
    }
}

/// Into its cgroup first, as long as that can be seen, and then into its namespaces. Either is gone if it has ended
/// meanwhile.
fn enter(container: &Container, users: &Users, init: Pid) -> Result<()> {
    let has_ended = || Err(Error::NotRunning(container.created.name.clone()));
    match Group::of_dirs(&container.created.group).join() {
        Err(error) if matches!(error.errno, Errno::ENODEV | Errno::ENOENT) => return has_ended(),
        joined => joined?,
    }
    let mut kinds = vec![Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Cgroup];
    if container.created.spec.network != Network::Host {
        kinds.push(Kind::Net);
    }
    if matches!(users, Users::Ranges { .. } | Users::One) {
        kinds.push(Kind::User);
    }
    match setns(init, &kinds) {
        Err(error) if error.errno == Errno::ESRCH => has_ended(),
        entered => Ok(entered?),
    }
}

fn perform(
    process: &Process,
    confinement: &Confinement,
    streams: &Streams,
    gate: &mut Gate,
) -> Result<Infallible> {
    begin(gate)?;
    become_program(process, confinement, streams, gate, &mut Dark)
}
