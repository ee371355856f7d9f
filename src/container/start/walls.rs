//! Who looks on while a container starts.

use crate::container::error::Result;

/// A part of the start, in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Users and groups of its own, where the maker is not root.
    Users,
    /// Into the cgroup, and a namespace that has it as its root.
    Cgroup,
    /// The layers become one tree, and that the root.
    Root,
    /// `/proc` of its processes.
    Proc,
    /// `/sys` of its network.
    Sys,
    /// The host's files go.
    OldRoot,
    /// Devices, and what belongs to them.
    Dev,
    /// The files of `/etc` that are its own.
    Etc,
    /// Volumes, and file systems in memory.
    Volumes,
    /// What tells about the whole machine is covered. How much there is depends on the machine.
    Masks,
    /// A name, and a loopback interface.
    Network,
    /// An interface that connects it with others, where it is on a network.
    Endpoint,
    /// A session, with a terminal or without one.
    Session,
    /// The capabilities that no program in it can have. How many there are depends on the kernel.
    Bounds,
    /// Who it runs as.
    Identity,
    /// The capabilities that it has.
    Capabilities,
    /// No program gives it more.
    NoNewPrivileges,
    /// The system calls that it may make.
    Filter,
}

impl Part {
    /// How many there are.
    pub const COUNT: usize = Part::Filter as usize + 1;
}

/// Is called for each part of a start, in the process that does it. An error ends the start.
pub trait Walls {
    /// Have this part done, by `work`.
    fn around(&mut self, part: Part, work: &mut dyn FnMut() -> Result<()>) -> Result<()>;

    /// Whether they keep nothing in memory, so that it does not matter whose memory that is.
    fn are_dark(&self) -> bool {
        false
    }
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy)]
pub struct Dark;

impl Walls for Dark {
    fn around(&mut self, _: Part, work: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        work()
    }

    fn are_dark(&self) -> bool {
        true
    }
}
