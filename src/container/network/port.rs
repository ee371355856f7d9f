//! Ports of a container that are reached by ports of the host.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::str::FromStr;

use nix::sys::socket::{SockaddrIn, getsockname};
use serde::{Deserialize, Serialize};

use crate::container::error::{Error, Result, doing};
use crate::kernel::nftables::Protocol;
use crate::kernel::{Errno, net};

/// A port of a container that is reached by one of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The host's address; `0.0.0.0` is each of them.
    pub address: Ipv4Addr,
    /// The host's port; with 0 one is drawn.
    pub host: u16,
    /// The container's port.
    pub container: u16,
    /// Of which protocol.
    pub protocol: Protocol,
}

impl Port {
    /// Keep it for one container, as long as the socket is open: nobody else on the host gets it, and whoever has it
    /// already is noticed. No packet ever comes to the socket, for the packet filter sends them elsewhere.
    pub(super) fn hold(&mut self) -> Result<OwnedFd> {
        let socket = match self.protocol {
            Protocol::Tcp => net::stream_socket()?,
            Protocol::Udp => net::datagram_socket()?,
        };
        match net::bind(socket.as_fd(), SocketAddrV4::new(self.address, self.host)) {
            Err(error) if error.errno == Errno::EADDRINUSE => return Err(self.taken()),
            Err(error) if error.errno == Errno::EADDRNOTAVAIL => {
                let why = format!("cannot publish {self}: bind: cannot assign requested address");
                return Err(Error::usage(why, "the address has to be one of this machine's: ip address"));
            }
            bound => bound?,
        }
        let name = getsockname::<SockaddrIn>(socket.as_raw_fd());
        self.host = doing("cannot draw a port", name.map_err(Into::into))?.port();
        Ok(socket)
    }

    /// Whether both cannot be had at once.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let any = |port: &Self| port.address.is_unspecified();
        let same_place = self.address == other.address || any(self) || any(other);
        self.protocol == other.protocol && self.host == other.host && same_place
    }

    /// That somebody has it.
    pub(super) fn taken(&self) -> Error {
        let why = format!("cannot publish {self}: bind: address already in use");
        let hint = format!("without a port of the host one is drawn that is free: -p {}", self.container);
        Error::usage(why, hint)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { address, host, container, protocol } = self;
        write!(f, "{address}:{host}->{container}/{protocol}")
    }
}

impl FromStr for Port {
    type Err = String;

    /// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (places, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((places, "tcp")) => (places, Protocol::Tcp),
            Some((places, "udp")) => (places, Protocol::Udp),
            Some((_, other)) => return Err(format!("{other:?} is no protocol with ports: tcp or udp")),
        };
        let number = |text: &str| match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("{text:?} is no port: a number from 1 to 65535")),
        };
        let parts: Vec<&str> = places.split(':').collect();
        let (address, host, container) = match parts.as_slice() {
            [container] => ("0.0.0.0", "", container),
            [host, container] => ("0.0.0.0", *host, container),
            [address, host, container] => (*address, *host, container),
            _ => return Err("write it like 8080:80, 127.0.0.1:8080:80 or 53:53/udp".into()),
        };
        let address = address.parse().map_err(|_| format!("{address:?} is no address of IP version 4"))?;
        let host = if host.is_empty() { 0 } else { number(host)? };
        Ok(Self { address, host, container: number(container)?, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_docker_writes_them() {
        let shown = |text: &str| text.parse::<Port>().map(|port| port.to_string()).unwrap_or_default();
        assert_eq!(shown("8080:80"), "0.0.0.0:8080->80/tcp");
        assert_eq!(shown("127.0.0.1:53:5353/udp"), "127.0.0.1:53->5353/udp");
        assert_eq!(shown("127.0.0.1::80"), "127.0.0.1:0->80/tcp");
        assert_eq!(shown("80"), "0.0.0.0:0->80/tcp");
        for wrong in ["", "0:80", "8080:", "80/icmp", "[::1]:80:80", "1:2:3:4", "70000:80", "80-90:80-90"] {
            assert!(wrong.parse::<Port>().is_err(), "{wrong}");
        }
    }
}
