//! The kernel, one thin function for each system call or kernel file write.
//!
//! A function here has the name that the manual page gives the call, makes it, and then records it
//! from the same arguments and the actual result (see [`record`]). Lessons and the container make
//! no system call that changes the machine in any other way, so what is narrated is what was done.

#![allow(clippy::disallowed_methods, reason = "this is the layer that records them")]

pub mod arch;
pub mod at;
pub mod block;
pub mod btrfs;
pub mod capability;
pub mod cgroup;
pub mod clock;
pub mod error;
pub mod fs;
pub mod guarded;
pub mod ipc;
pub mod link;
pub mod mount;
pub mod namespace;
pub mod net;
pub mod netlink;
pub mod nftables;
pub mod packet;
pub mod process;
pub mod raw;
pub mod record;
pub mod seccomp;
pub mod short;
pub mod talk;
pub mod terminal;
pub mod user;
pub mod uts;

pub use error::{Error, Refused, Result};
pub use nix::errno::Errno;
pub use nix::unistd::Pid;
