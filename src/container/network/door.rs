//! Ports of the machine, for containers of an ordinary user.
//!
//! His networks are in a network namespace of his own, and what is bound there nobody on the machine sees. But a socket
//! stays in the namespace in which it was made: whoever is about to enter the other one opens the doors before, and
//! takes them along. A [carrier](super::carrier) stands in each.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use super::Port;
use crate::container::error::{Result, doing};
use crate::kernel::Error;
use crate::kernel::error::io_errno;
use crate::kernel::nftables::Protocol;

/// A socket at a port of the machine.
#[derive(Debug)]
pub(super) struct Door {
    /// The port as it was asked for.
    wanted: Port,
    /// The one that it is.
    pub(super) port: Port,
    pub(super) socket: OwnedFd,
}

impl Door {
    /// Take the port, and wait for whoever comes.
    pub(super) fn open(wanted: Port) -> Result<Self> {
        let (port, socket) = wanted.take(|place| {
            let opened = match wanted.protocol {
                Protocol::Tcp => TcpListener::bind(place).map(OwnedFd::from),
                Protocol::Udp => UdpSocket::bind(place).map(OwnedFd::from),
            };
            opened.map_err(|error| Error { call: "bind", args: place.to_string(), errno: io_errno(&error) })
        })?;
        Ok(Self { wanted, port, socket })
    }

    /// The same once more.
    pub(super) fn again(&self) -> Result<Self> {
        let socket = doing("cannot keep a port", self.socket.try_clone())?;
        Ok(Self { socket, ..*self })
    }
}

/// Take those that a container wants; others may want as many of the same kind.
pub(super) fn take(doors: &mut Vec<Door>, wanted: &[Port]) -> Vec<Door> {
    let find = |port: &Port| doors.iter().position(|door| door.wanted == *port).map(|at| doors.remove(at));
    wanted.iter().filter_map(find).collect()
}
