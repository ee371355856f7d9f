//! Ports of the machine, for containers of an ordinary user.
//!
//! His networks are in a network namespace of his own, and what is bound there nobody on the machine sees. But a socket
//! stays in the namespace in which it was made: whoever is about to enter the other one opens the doors before, and
//! takes them along. A [carrier](super::carrier) stands in each.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use super::Port;
use crate::container::error::{Result, doing};
use crate::kernel::nftables::Protocol;
use crate::kernel::{self, Errno};

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
        let opened = || -> std::io::Result<(u16, OwnedFd)> {
            Ok(match wanted.protocol {
                Protocol::Tcp => {
                    let socket = TcpListener::bind(wanted.place())?;
                    (socket.local_addr()?.port(), socket.into())
                }
                Protocol::Udp => {
                    let socket = UdpSocket::bind(wanted.place())?;
                    (socket.local_addr()?.port(), socket.into())
                }
            })
        };
        let (host, socket) = opened().map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
            wanted.refused(kernel::Error { call: "bind", args: wanted.place().to_string(), errno })
        })?;
        Ok(Self { wanted, port: Port { host, ..wanted }, socket })
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
