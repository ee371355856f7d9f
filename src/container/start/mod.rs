//! The start of a container, from `clone3` to `execve`.
//!
//! ```text
//! maker:      prepare ─▶ clone3 ─▶ map users ─▶ connect ─▶ await_program
//!                           │
//! container:                └─▶ inside::become_contained: the parts, one after the other ─▶ execve
//! ```
//! The maker has no powers over what the container does inside; it only waits. Whoever wants to look on gives
//! [`Walls`], which are called for each part, in the container's own process.
//!
//! A maker that has nothing to map, to connect or to show lends the container its memory instead of a copy, and stands
//! still up to `execve`, as after `vfork`: that saves a seventh of a start.

pub(super) mod etc;
pub mod gate;
mod identity;
mod init;
pub mod init_layer;
pub mod inside;
mod luggage;
mod place;
mod program;
pub mod rootfs;
mod session;
mod volumes;
mod walls;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signal::SigSet;

use gate::{Gate, News};
pub use rootfs::Root;
pub use session::{Streams, null};
pub use walls::{Dark, Part, Walls};

use super::error::{Error, Result};
use super::network::{self, Endpoint, Held};
use super::spec::{Network, Security, Spec};
use crate::image::Users;
use crate::kernel::capability::Set;
use crate::kernel::cgroup::{Group, Layout};
use crate::kernel::process::{Clone3, Ended, Sig, kill, set_parent_death_signal, wait4};
use crate::kernel::seccomp::Filter;
use crate::kernel::{Pid, raw};

/// All that a start needs to know.
pub struct Plan<'a> {
    /// What the container is to be.
    pub spec: &'a Spec,
    /// What its host is called.
    pub hostname: &'a str,
    /// Its root file system.
    pub root: Root,
    /// Its cgroup, which has been made.
    pub group: Option<Group>,
    /// The layout of the cgroup trees.
    pub layout: Layout,
    /// Whose files the layers have.
    pub users: &'a Users,
    /// What it reads from, and writes to.
    pub streams: Streams,
    confinement: Confinement,
    /// Whom it asks for the numbers of hosts, where it has a network.
    resolvers: String,
    /// Its place on a network.
    endpoint: Option<Endpoint>,
    /// The numbers of its maker and of his group.
    own: (u32, u32),
    /// Whether its maker has something else to do while it starts.
    apart: bool,
}

impl<'a> Plan<'a> {
    /// Without a cgroup, and with nothing to read.
    pub fn new(
        spec: &'a Spec,
        hostname: &'a str,
        root: Root,
        users: &'a Users,
        streams: Streams,
    ) -> Result<Self> {
        let confinement = Confinement::of(&spec.security)?;
        let (group, layout) = (None, Layout::None);
        let resolvers = match spec.network {
            Network::Host => std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
            Network::Named(_) => network::resolvers(),
            Network::None => String::new(),
        };
        let own = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let endpoint = None;
        Ok(Self {
            spec,
            hostname,
            root,
            group,
            layout,
            users,
            streams,
            confinement,
            resolvers,
            endpoint,
            own,
            apart: false,
        })
    }

    /// With a cgroup, which has been made.
    pub fn in_group(self, group: Option<Group>, layout: Layout) -> Self {
        Self { group, layout, ..self }
    }

    /// With a place on a network, which is its own.
    pub fn on_network(self, endpoint: Option<Endpoint>) -> Self {
        Self { endpoint, ..self }
    }

    /// Apart from its maker, who does not stand still while it starts.
    pub fn apart(self, apart: bool) -> Self {
        Self { apart, ..self }
    }

    /// It has been started: what the host keeps for it as long as it runs.
    pub fn into_held(self) -> Result<Held> {
        self.endpoint.map_or_else(|| Ok(Held::default()), Endpoint::into_held)
    }

    /// Whether it gets users of its own, because its maker is not root.
    pub fn has_own_users(&self) -> bool {
        matches!(self.users, Users::Ranges { .. } | Users::One)
    }

    /// Whether its first process may be in its maker's memory until it is the program: then nothing is done beside it, and
    /// nothing of ours goes on in it.
    fn borrows_memory(&self) -> bool {
        !self.apart && !self.has_own_users() && self.endpoint.is_none() && !self.spec.process.init
    }

    /// The namespaces that it begins with. That of cgroups comes when it is in its group.
    pub fn namespaces(&self) -> Clone3 {
        let clone = Clone3::new().newns().newuts().newipc().newpid();
        let clone = if self.spec.network == Network::Host { clone } else { clone.newnet() };
        if self.has_own_users() { clone.newuser() } else { clone }
    }
}

/// What holds a program, ready to be put on.
pub struct Confinement {
    capabilities: Set,
    filter: Option<Filter>,
}

impl Confinement {
    /// As a specification says it.
    pub fn of(security: &Security) -> Result<Self> {
        Ok(Self { capabilities: security.capabilities()?, filter: security.filter()? })
    }
}

/// The first process of a container, as its maker sees it.
#[derive(Debug)]
pub struct Started {
    /// Its number.
    pub pid: Pid,
    gate: Gate,
}

impl Started {
    /// A process that has been started in another way.
    pub(super) fn new(pid: Pid, gate: Gate) -> Self {
        Self { pid, gate }
    }
}

/// Start a container. It may not have become its program yet: see [`Started::await_program`].
pub fn start(plan: &Plan, walls: &mut dyn Walls) -> Result<Started> {
    let (mut gate, mut theirs) = Gate::pair()?;
    let into = plan.group.as_ref().map(Group::clone_target).transpose()?.flatten();
    let into = into.as_ref().map(AsFd::as_fd);
    let borrows_memory = plan.borrows_memory() && walls.are_dark();
    let mut child = || {
        gate.leave_to_maker();
        perform(plan, &mut theirs, into.is_some(), walls)
    };
    let pid = if borrows_memory {
        plan.namespaces().vfork(into, &mut child)?
    } else if let Some(pid) = plan.namespaces().call(into)? {
        pid
    } else {
        raw::exit_now(child())
    };
    drop(theirs);
    if plan.has_own_users() {
        gate.tell_mapped(plan.users.map(pid));
    }
    let mut started = Started { pid, gate };
    if let Some(endpoint) = &plan.endpoint {
        endpoint.connect(pid).inspect_err(|_| started.stop())?;
        started.gate.tell_connected();
    }
    Ok(started)
}

/// In the container's first process: do everything, or tell why not.
fn perform(plan: &Plan, gate: &mut Gate, is_joined: bool, walls: &mut dyn Walls) -> i32 {
    let result = begin(gate).and_then(|()| inside::become_contained(plan, gate, is_joined, walls));
    match result {
        Ok(never) => match never {},
        Err(error) => {
            gate.tell_failure(&error);
            i32::from(error.exit_code())
        }
    }
}

/// Whoever ends the maker ends the container, unless that is to go on.
pub(super) fn begin(gate: &Gate) -> Result<()> {
    die_with_maker(gate)?;
    // The maker keeps its signals back, and may ignore some, as whatever a script has put in the background; a program
    // gets them all.
    raw::reset_signals();
    let all = SigSet::empty().thread_set_mask();
    super::error::doing("cannot take signals", all.map_err(Into::into))
}

/// A change of identity makes the kernel forget it.
fn die_with_maker(gate: &Gate) -> Result<()> {
    if !gate.dies_with_maker {
        return Ok(());
    }
    set_parent_death_signal(Sig::SIGKILL)?;
    // It can have ended before.
    if gate.has_maker() { Ok(()) } else { Err(Error::Late("glassbox has ended".into())) }
}

impl Started {
    /// Wait until it has become its program. The master's end of its terminal, if it has one.
    ///
    /// Of one that failed nothing is left.
    pub fn await_program(&mut self) -> Result<Option<OwnedFd>> {
        self.gate.await_program().inspect_err(|_| {
            let _ = wait4(Some(self.pid));
        })
    }

    /// The next that there is to be heard of it, when [`Started::ear`] can be read. Of one that failed nothing is left.
    pub(super) fn hear(&mut self) -> Result<News> {
        self.gate.hear().inspect_err(|_| {
            let _ = wait4(Some(self.pid));
        })
    }

    /// What it is heard by.
    pub(super) fn ear(&self) -> BorrowedFd<'_> {
        self.gate.as_fd()
    }

    /// End it before it has become its program. Nothing is left of it.
    pub(super) fn stop(&self) {
        let _ = kill(self.pid, Sig::SIGKILL);
        let _ = wait4(Some(self.pid));
    }

    /// Wait for its end.
    pub fn wait(self) -> Result<Ended> {
        Ok(wait4(Some(self.pid))?.1)
    }
}
