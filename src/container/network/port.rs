//! Ports of a container that are reached by ports of the host.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::str::FromStr;

use nix::sys::socket::{SockaddrIn, getsockname};
use serde::{Deserialize, Serialize};

use crate::container::error::{Error, Result, doing};
use crate::kernel::nftables::Protocol;
use crate::kernel::{self, Errno, net};

/// A port of a container that is reached by one of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The host's address; `0.0.0.0` is each of them.
    pub address: Ipv4Addr,
    /// The host's port; with 0 one is drawn.
    pub host: u16,
    /// The last of the host's ports that will do: the first of them that is free is taken. Without it there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u16>,
    /// The container's port.
    pub container: u16,
    /// Of which protocol.
    pub protocol: Protocol,
}

impl Port {
    /// Keep it for one container, as long as the socket is open: nobody else on the host gets it, and whoever has it
    /// already is noticed. No packet ever comes to the socket, for the packet filter sends them elsewhere.
    pub(super) fn hold(&mut self) -> Result<OwnedFd> {
        let (port, socket) = self.take(|place| {
            let socket = match self.protocol {
                Protocol::Tcp => net::stream_socket()?,
                Protocol::Udp => net::datagram_socket()?,
            };
            net::bind(socket.as_fd(), place)?;
            Ok(socket)
        })?;
        *self = port;
        Ok(socket)
    }

    /// Have a socket made at it: at the first of the host's ports that will do and that nobody has. The port as it is
    /// then.
    pub(super) fn take<T: AsRawFd>(
        &self,
        make: impl Fn(SocketAddrV4) -> kernel::Result<T>,
    ) -> Result<(Self, T)> {
        for host in self.host..=self.last.unwrap_or(self.host) {
            match make(SocketAddrV4::new(self.address, host)) {
                Ok(socket) => {
                    let name = getsockname::<SockaddrIn>(socket.as_raw_fd());
                    let host = doing("cannot draw a port", name.map_err(Into::into))?.port();
                    return Ok((Self { host, last: None, ..*self }, socket));
                }
                Err(error) if error.errno == Errno::EADDRINUSE => {}
                Err(error) => return Err(self.refused(error)),
            }
        }
        Err(self.taken())
    }

    /// Why it cannot be had.
    fn refused(&self, error: kernel::Error) -> Error {
        let refused = |why, hint: &str| Error::usage(format!("cannot publish {self}: bind: {why}"), hint);
        match error.errno {
            Errno::EADDRNOTAVAIL => refused(
                "cannot assign requested address",
                "the address has to be one of this machine's: ip address",
            ),
            Errno::EACCES => refused(
                "permission denied",
                "the lowest ports are root's: take one from 1024 on, or lower net.ipv4.ip_unprivileged_port_start",
            ),
            _ => error.into(),
        }
    }

    /// Whether both cannot be had at once.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let any = |port: &Self| port.address.is_unspecified();
        let same_place = self.address == other.address || any(self) || any(other);
        self.protocol == other.protocol && self.host == other.host && same_place
    }

    /// That somebody has it.
    pub(super) fn taken(&self) -> Error {
        let what = if self.last.is_some() { "each address is" } else { "address" };
        let why = format!("cannot publish {self}: bind: {what} already in use");
        let hint = format!("without a port of the host one is drawn that is free: -p {}", self.container);
        Error::usage(why, hint)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { address, host, container, protocol, .. } = self;
        let last = self.last.map(|last| format!("-{last}")).unwrap_or_default();
        write!(f, "{address}:{host}{last}->{container}/{protocol}")
    }
}

/// Ports that were asked for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(pub Vec<Port>);

impl FromStr for Ports {
    type Err = String;

    /// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, with a port or `FIRST-LAST` for each side. To one port of the container
    /// leads any one of the host's.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (places, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((places, "tcp")) => (places, Protocol::Tcp),
            Some((places, "udp")) => (places, Protocol::Udp),
            Some((_, other)) => return Err(format!("{other:?} is no protocol with ports: tcp or udp")),
        };
        let parts: Vec<&str> = places.split(':').collect();
        let (address, host, container) = match parts.as_slice() {
            [container] => ("0.0.0.0", "", container),
            [host, container] => ("0.0.0.0", *host, container),
            [address, host, container] => (*address, *host, container),
            _ => return Err("write it like 8080:80, 127.0.0.1:8080:80, 8000-8010:80-90 or 53:53/udp".into()),
        };
        let address = address.parse().map_err(|_| format!("{address:?} is no address of IP version 4"))?;
        let containers = range(container)?;
        let hosts = if host.is_empty() { vec![0; containers.len()] } else { range(host)? };
        if let ([container], [host, .., last]) = (&*containers, &*hosts) {
            let port = Port { address, host: *host, last: Some(*last), container: *container, protocol };
            return Ok(Self(vec![port]));
        }
        if hosts.len() != containers.len() {
            let (these, those) = (hosts.len(), containers.len());
            return Err(format!("{these} ports of the host cannot lead to {those} of the container"));
        }
        let pair = |(host, container)| Port { address, host, last: None, container, protocol };
        Ok(Self(hosts.into_iter().zip(containers).map(pair).collect()))
    }
}

/// A port, or the ports from one to another.
fn range(text: &str) -> std::result::Result<Vec<u16>, String> {
    let number = |text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} is no port: a number from 1 to 65535")),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last { Err(format!("{text:?} ends before it begins")) } else { Ok((first..=last).collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_docker_writes_them() {
        let shown = |text: &str| {
            let ports = text.parse::<Ports>().map(|ports| ports.0).unwrap_or_default();
            ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("8080:80"), "0.0.0.0:8080->80/tcp");
        assert_eq!(shown("127.0.0.1:53:5353/udp"), "127.0.0.1:53->5353/udp");
        assert_eq!(shown("127.0.0.1::80"), "127.0.0.1:0->80/tcp");
        assert_eq!(shown("80"), "0.0.0.0:0->80/tcp");
        assert_eq!(shown("8000-8001:80-81/udp"), "0.0.0.0:8000->80/udp 0.0.0.0:8001->81/udp");
        assert_eq!(shown("80-81"), "0.0.0.0:0->80/tcp 0.0.0.0:0->81/tcp");
        assert_eq!(shown("8000-8009:80"), "0.0.0.0:8000-8009->80/tcp");
        let wrong = ["", "0:80", "8080:", "80/icmp", "[::1]:80:80", "1:2:3:4", "70000:80"];
        for wrong in wrong.into_iter().chain(["80-90:80-81", "80-90:80-91", "90-80", "80-", "-80:1-2"]) {
            assert!(wrong.parse::<Ports>().is_err(), "{wrong}");
        }
    }
}
