//! A network between two machines: a bridge on each, and a port of it whose frames go to the other one inside of UDP.
//!
//! Both are told the same number and the same subnet, and each gives out a part of the addresses. The machines themselves
//! have no address on it, and nothing leads out of it. <https://docs.kernel.org/networking/vxlan.html>

use super::{Network, bridge};
use crate::container::error::{Error, Result};
use crate::kernel::Errno;
use crate::kernel::link::{self, End, Link, Mac};
use crate::kernel::net::Ipv4Addr;

/// What VXLAN puts before each frame, with the headers of UDP, IP and Ethernet.
const HEADERS: u32 = 50;

/// The number of such a network, and between whom it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tunnel {
    /// Its number, the same on both machines.
    pub vni: u32,
    /// This machine's address.
    pub local: Ipv4Addr,
    /// The other machine's.
    pub peer: Ipv4Addr,
}

impl Tunnel {
    /// The interface with this machine's address.
    fn underlay(&self) -> Result<Link> {
        let own = link::networks()?.into_iter().find(|reached| reached.address == self.local);
        let number = own.and_then(|reached| reached.link);
        link::links()?.into_iter().find(|link| Some(link.index) == number).ok_or_else(|| {
            let why = format!("{} is no address of this machine", self.local);
            Error::usage(why, "it is that by which the other one reaches it: ip address")
        })
    }

    /// The longest packet that fits into one of the machines' network.
    pub(super) fn mtu(&self) -> Result<u32> {
        Ok(self.underlay()?.mtu.saturating_sub(HEADERS))
    }

    /// Make the bridge and its port, as far as they are not there.
    pub(super) fn make(&self, network: &Network) -> Result<()> {
        let (bridge, port, mtu) = (bridge::name(network), port(network), self.mtu()?);
        // The other machine's are others.
        let [a, b, c, d] = self.local.octets();
        bridge::unless(Errno::EEXIST, link::add_bridge(&bridge, bridge::mac(self.local)))?;
        if !link::exists(&port) {
            let end = End { name: &port, mac: Mac([6, 0x42, a, b, c, d]), inside: None };
            match link::add_vxlan(&end, self.vni, self.local, self.peer) {
                Err(error) if error.errno == Errno::EEXIST => {
                    let why = format!("this machine has a vxlan with the number {} already", self.vni);
                    return Err(Error::usage(
                        why,
                        "take another one, here and on the other machine: -o vni=NUMBER",
                    ));
                }
                made => made?,
            }
        }
        link::set_mtu(&port, mtu)?;
        link::set_master(&port, &bridge)?;
        link::set_up(&port)?;
        Ok(link::set_up(&bridge)?)
    }
}

/// The name of the port that leads to the other machine.
fn port(network: &Network) -> String {
    format!("gx-{}", network.id.short())
}

/// Whether both are there.
pub(super) fn is_there(network: &Network) -> bool {
    link::exists(&bridge::name(network)) && link::exists(&port(network))
}

/// That it is gone already is as good.
pub(super) fn remove(network: &Network) -> Result<()> {
    bridge::unless(Errno::ENODEV, link::delete(&port(network)))?;
    bridge::remove(network)
}
