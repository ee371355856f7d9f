//! What the container's first process does, from its first instruction to `execve`.

use std::convert::Infallible;

use super::gate::Gate;
use super::luggage::Luggage;
use super::walls::{Part, Walls};
use super::{
    Confinement, Plan, Streams, die_with_maker, etc, identity, init, place, program, rootfs, session, volumes,
};
use crate::container::error::Result;
use crate::container::spec::{Network, Process};
use crate::container::{devices, masks};
use crate::kernel::mount;
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::process::{close_range_on_exec, set_no_new_privs};
use crate::kernel::{capability, net, uts};

// ANCHOR: parts
/// Become the container, part by part, and at last its program. Returns only if that failed.
///
/// `is_joined` says whether the process was made inside of its cgroup.
pub fn become_contained(
    plan: &Plan,
    gate: &mut Gate,
    is_joined: bool,
    walls: &mut dyn Walls,
) -> Result<Infallible> {
    walls.around(Part::Users, &mut || own_users(plan, gate))?;
    walls.around(Part::Cgroup, &mut || own_cgroup(plan, is_joined))?;
    let mut luggage = Luggage::default();
    walls.around(Part::Root, &mut || {
        mount::make_private("/")?;
        luggage = Luggage::pack(plan)?;
        plan.root.enter()
    })?;
    // A user namespace may mount these two as long as the host's are in sight, whole.
    walls.around(Part::Proc, &mut || Ok(devices::mount_proc()?))?;
    walls.around(Part::Sys, &mut || place::mount_sys(plan, &luggage))?;
    walls.around(Part::OldRoot, &mut rootfs::leave_host)?;
    walls.around(Part::Dev, &mut || place::mount_dev(&luggage))?;
    walls.around(Part::Etc, &mut || etc::provide(plan, luggage.hosts.as_ref()))?;
    walls.around(Part::Volumes, &mut || volumes::mount(plan.spec, &luggage.volumes))?;
    walls.around(Part::Masks, &mut || Ok(masks::apply().map(drop)?))?;
    drop(luggage);
    walls.around(Part::Network, &mut || own_network(plan))?;
    walls.around(Part::Endpoint, &mut || own_endpoint(plan, gate))?;
    become_program(&plan.spec.process, &plan.confinement, &plan.streams, gate, walls)
}

/// Become a program of the container, from inside of it: with a session, a user and the walls around it.
pub fn become_program(
    process: &Process,
    confinement: &Confinement,
    streams: &Streams,
    gate: &mut Gate,
    walls: &mut dyn Walls,
) -> Result<Infallible> {
    walls.around(Part::Session, &mut || session::begin(streams, gate))?;
    let who = identity::find(&process.user)?;
    program::make_directory(&process.cwd)?;
    walls.around(Part::Bounds, &mut || Ok(capability::bound(confinement.capabilities)?))?;
    walls.around(Part::Identity, &mut || {
        who.assume()?;
        die_with_maker(gate)
    })?;
    walls.around(Part::Capabilities, &mut || {
        // Another user than root has lost them all.
        if who.is_root() { Ok(capability::capset(confinement.capabilities)?) } else { Ok(()) }
    })?;
    walls.around(Part::NoNewPrivileges, &mut || Ok(set_no_new_privs()?))?;
    close_range_on_exec()?;
    walls.around(Part::Filter, &mut || {
        Ok(confinement.filter.as_ref().map_or(Ok(()), |filter| filter.install())?)
    })?;
    if init::is_wanted(process) { init::begin(process, &who) } else { Err(program::exec(process, &who)) }
}
// ANCHOR_END: parts

/// With ranges of numbers the maker maps them; otherwise there is one, and this process may map it itself.
fn own_users(plan: &Plan, gate: &mut Gate) -> Result<()> {
    if plan.has_own_users() && !gate.hear_mapped()? {
        let (uid, gid) = plan.own;
        map_self_to_root(uid, gid)?;
    }
    Ok(())
}

/// Join first: the namespace's root is where the process stands.
fn own_cgroup(plan: &Plan, is_joined: bool) -> Result<()> {
    if let Some(group) = plan.group.as_ref().filter(|_| !is_joined) {
        group.join()?;
    }
    Ok(unshare(&[Kind::Cgroup])?)
}

fn own_network(plan: &Plan) -> Result<()> {
    uts::sethostname(plan.hostname)?;
    if plan.spec.network != Network::Host {
        net::loopback_up()?;
    }
    Ok(())
}

/// The maker makes the interface, for one end of it is the host's; the rest is done where it is.
fn own_endpoint(plan: &Plan, gate: &mut Gate) -> Result<()> {
    let Some(endpoint) = &plan.endpoint else { return Ok(()) };
    gate.hear_connected()?;
    endpoint.configure(gate.as_fd())
}
