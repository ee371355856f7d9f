//! The place of a container on a network: an interface, its address, the way out.

use std::net::Ipv4Addr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::carrier::Carrier;
use super::door::Door;
use super::{Driver, Network, Subnet, bridge, macvlan};
use crate::container::error::Result;
use crate::kernel::link::{self, End};
use crate::kernel::{Errno, Pid};

/// What the interface is called in the container.
const INTERFACE: &str = "eth0";

/// The place of a container on a network.
#[derive(Debug)]
pub struct Endpoint {
    cable: Cable,
    address: Ipv4Addr,
    subnet: Subnet,
    gateway: Option<Ipv4Addr>,
    /// The longest packet, if that is not Ethernet's.
    mtu: Option<u32>,
    hosts: PathBuf,
    ports: Published,
}

/// The host's ports that lead to a container.
#[derive(Debug)]
pub(super) enum Published {
    /// The packet filter does it; nobody else has them meanwhile.
    Filtered(Vec<OwnedFd>),
    /// Somebody has to stand there.
    Carried(Vec<Door>),
}

/// What the host has for a container as long as it runs.
#[derive(Debug, Default)]
pub struct Held {
    _ports: Vec<OwnedFd>,
    _carrier: Option<Carrier>,
}

/// Where the interface's other end is.
#[derive(Debug)]
enum Cable {
    /// The host calls it by this name, and it is a port of this bridge.
    Port(String, String),
    /// There is none: it is on this interface of the host.
    On(String),
}

impl Endpoint {
    /// The place with this address.
    pub(super) fn new(
        network: &Network,
        address: Ipv4Addr,
        hosts: PathBuf,
        ports: Published,
    ) -> Result<Self> {
        let cable = match &network.driver {
            Driver::Bridge | Driver::Vxlan(_) => Cable::Port(bridge::port(address), bridge::name(network)),
            Driver::Macvlan { parent } => Cable::On(parent.clone()),
        };
        let mtu = match &network.driver {
            Driver::Vxlan(tunnel) => Some(tunnel.mtu()?),
            Driver::Bridge | Driver::Macvlan { .. } => None,
        };
        let (subnet, gateway) = (network.subnet, network.gateway());
        Ok(Self { cable, address, subnet, gateway, mtu, hosts, ports })
    }

    /// From the host: the container's interface is made into it.
    pub(in crate::container) fn connect(&self, inside: Pid) -> Result<()> {
        let end = End { name: INTERFACE, mac: bridge::mac(self.address), inside: Some(inside) };
        match &self.cable {
            Cable::Port(port, bridge) => bridge::connect(port, bridge, &end, !self.ports.is_empty()),
            Cable::On(parent) => macvlan::connect(parent, &end),
        }
    }

    /// In the container: its address, and the way out. `host` is a socket from where the other end is.
    pub(in crate::container) fn configure(&self, host: BorrowedFd) -> Result<()> {
        // The network has none, and each would tell all the others of its own.
        bridge::unless(Errno::EAFNOSUPPORT, link::set_without_ipv6_address(INTERFACE))?;
        link::add_address(INTERFACE, self.address, self.subnet.prefix)?;
        self.mtu.map_or(Ok(()), |mtu| link::set_mtu(INTERFACE, mtu))?;
        link::set_up(INTERFACE)?;
        self.gateway.map_or(Ok(()), link::add_default_route)?;
        self.await_host(host)
    }

    /// Without it the first packets might be lost, and be sent again only after a second.
    fn await_host(&self, host: BorrowedFd) -> Result<()> {
        if let Cable::Port(port, bridge) = &self.cable {
            link::has_carrier(host, port)?;
            // It has had none before its first port.
            link::has_carrier(host, bridge)?;
        }
        Ok(())
    }

    /// Whoever looks after the container keeps the host's ports for it.
    pub(in crate::container) fn into_held(self) -> Result<Held> {
        Ok(match self.ports {
            Published::Filtered(_ports) => Held { _ports, _carrier: None },
            Published::Carried(doors) if doors.is_empty() => Held::default(),
            Published::Carried(doors) => {
                Held { _ports: vec![], _carrier: Some(Carrier::start(doors, self.address)?) }
            }
        })
    }

    /// The names of all members, in a file.
    pub(in crate::container) fn hosts(&self) -> &Path {
        &self.hosts
    }
}

impl Published {
    fn is_empty(&self) -> bool {
        match self {
            Published::Filtered(ports) => ports.is_empty(),
            Published::Carried(doors) => doors.is_empty(),
        }
    }
}
