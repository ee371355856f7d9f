//! The addresses of a network, and which ones nobody else has.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Network;
use crate::container::error::{Error, Result};
use crate::kernel::link;

/// A range of addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    /// Its first address.
    pub first: Ipv4Addr,
    /// How many bits all of them have in common.
    pub prefix: u8,
}

/// Where automatic ones come from: those of RFC 1918 that docker takes, too. Of each as many addresses as three octets
/// leave.
const POOLS: [Subnet; 2] = [
    Subnet { first: Ipv4Addr::new(172, 18, 0, 0), prefix: 12 },
    Subnet { first: Ipv4Addr::new(192, 168, 0, 0), prefix: 16 },
];
const PREFIX: u8 = 24;

impl Subnet {
    /// The network that an address is in.
    pub fn around(address: Ipv4Addr, prefix: u8) -> Self {
        Self { first: Ipv4Addr::from(u32::from(address) & mask(prefix)), prefix }
    }

    /// Its last address, which is for all.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first) | !mask(self.prefix))
    }

    /// The address of the one who knows the way out, if nobody else was named.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first) + 1)
    }

    /// All of its addresses.
    pub fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (u32::from(self.first)..=u32::from(self.broadcast())).map(Ipv4Addr::from)
    }

    /// Whether an address can be somebody's: the first one means the network, and the last one everybody.
    pub fn is_host(self, address: Ipv4Addr) -> bool {
        self.contains(address) && address != self.first && address != self.broadcast()
    }

    /// Whether an address is one of its own.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        Self::around(address, self.prefix) == self
    }

    /// Whether there are addresses in both.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.prefix.min(other.prefix);
        Self::around(self.first, shorter) == Self::around(other.first, shorter)
    }

    /// One that has no address in common with any of these.
    pub fn free_of(taken: &[Self]) -> Result<Self> {
        let candidates = POOLS.into_iter().flat_map(|pool| {
            let step = 1u32 << (32 - PREFIX);
            let addresses = (u32::from(pool.first)..=u32::from(pool.broadcast())).step_by(step as usize);
            addresses.map(|first| Self { first: first.into(), prefix: PREFIX })
        });
        candidates.into_iter().find(|one| !taken.iter().any(|other| one.overlaps(*other))).ok_or_else(|| {
            let hint = "choose one yourself: --subnet 10.1.2.0/24";
            Error::usage("could not find an available IPv4 address pool for the network", hint)
        })
    }

    /// Those that this machine has addresses in, or knows ways to, except by the interface with this number.
    pub fn of_machine(except: Option<u32>) -> Result<Vec<Self>> {
        let networks = link::networks()?.into_iter();
        let others = networks.filter(|reached| except.is_none() || reached.link != except);
        Ok(others.map(|reached| Self::around(reached.address, reached.prefix)).collect())
    }

    /// The subnet that was asked for, if nobody has any of it, or one that nobody has. A network on an interface of the
    /// machine has what is reached by that.
    pub(super) fn choose(wanted: Option<Self>, others: &[Network], on: Option<u32>) -> Result<Self> {
        let machine = Self::of_machine(on.filter(|_| wanted.is_some()))?;
        let Some(wanted) = wanted else {
            let taken: Vec<Self> = others.iter().map(|other| other.subnet).chain(machine).collect();
            return Self::free_of(&taken);
        };
        let hint = "choose another one, or leave --subnet away: then one is chosen that nobody has";
        if let Some(other) = others.iter().find(|other| other.subnet.overlaps(wanted)) {
            let why = format!("pool {wanted} overlaps with the network {}, {}", other.name, other.subnet);
            return Err(Error::usage(why, hint));
        }
        match machine.iter().find(|other| other.overlaps(wanted)) {
            Some(other) => {
                let why = format!("pool {wanted} overlaps with {other}, a network of this machine");
                Err(Error::usage(why, hint))
            }
            None => Ok(wanted),
        }
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (first, prefix) = text.split_once('/').ok_or("write it like 10.1.2.0/24")?;
        let first: Ipv4Addr = first.parse().map_err(|_| "write it like 10.1.2.0/24")?;
        let prefix: u8 = prefix.parse().map_err(|_| "write it like 10.1.2.0/24")?;
        // One address each for the network, the gateway, a container, and all.
        if !(8..=30).contains(&prefix) {
            return Err("its addresses have 8 to 30 bits in common".into());
        }
        let subnet = Self::around(first, prefix);
        if subnet.first == first { Ok(subnet) } else { Err(format!("it should be {subnet}")) }
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_automatic_one_keeps_away_from_all_others() {
        let subnet = |text: &str| text.parse::<Subnet>().unwrap_or_else(|why| panic!("{text}: {why}"));
        let free = |taken: &[&str]| {
            let taken: Vec<_> = taken.iter().map(|text| subnet(text)).collect();
            Subnet::free_of(&taken).map(|subnet| subnet.to_string()).ok()
        };
        assert_eq!(free(&[]).as_deref(), Some("172.18.0.0/24"));
        assert_eq!(free(&["172.18.0.128/25"]).as_deref(), Some("172.18.1.0/24"));
        assert_eq!(free(&["172.18.0.0/16", "10.0.0.0/8"]).as_deref(), Some("172.19.0.0/24"));
        assert_eq!(free(&["172.16.0.0/12"]).as_deref(), Some("192.168.0.0/24"));
        assert_eq!(free(&["172.16.0.0/12", "192.168.0.0/16"]), None);
    }

    #[test]
    fn it_is_written_with_its_first_address() {
        for wrong in ["10.0.0.0", "10.0.0.1/24", "10.0.0.0/31", "10.0.0.0/0", "fd00::/64", "10.0.0/24"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
        let subnet: Subnet = "10.0.0.0/30".parse().unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(subnet.gateway(), Ipv4Addr::new(10, 0, 0, 1));
        let hosts = subnet.addresses().filter(|address| subnet.is_host(*address));
        assert_eq!(hosts.collect::<Vec<_>>(), [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last)));
        assert_eq!(subnet.broadcast(), Ipv4Addr::new(10, 0, 0, 3));
    }
}
