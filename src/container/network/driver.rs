//! How the containers of a network are connected.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::vxlan::{self, Tunnel};
use super::{Network, Port, bridge, is_ordinary, macvlan};
use crate::container::error::{Error, Result};
use crate::kernel::link;

/// How the containers of a network are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// By a switch of the host's, which is also their way out.
    Bridge,
    /// By an interface of the host's: they are on the segment that this is on.
    Macvlan {
        /// The name of that interface.
        parent: String,
    },
    /// By a switch of the host's, with a port that leads to another one's.
    Vxlan(Tunnel),
}

impl Driver {
    /// Docker's word.
    pub fn word(&self) -> &'static str {
        match self {
            Driver::Bridge => "bridge",
            Driver::Macvlan { .. } => "macvlan",
            Driver::Vxlan(_) => "vxlan",
        }
    }

    /// By that word, and options with docker's names.
    pub fn named(word: &str, mut options: BTreeMap<String, String>) -> Result<Self> {
        let driver = match word {
            "bridge" => Driver::Bridge,
            "macvlan" => Driver::Macvlan { parent: options.remove("parent").ok_or_else(macvlan::no_parent)? },
            "vxlan" => Driver::Vxlan(Tunnel {
                vni: option(&mut options, "vni")?,
                local: option(&mut options, "local")?,
                peer: option(&mut options, "peer")?,
            }),
            "none" | "null" | "host" => {
                let why = format!("only one instance of {word:?} network is allowed");
                return Err(Error::usage(
                    why,
                    format!("it is there already: glassbox run --net {word} IMAGE"),
                ));
            }
            _ => {
                let why = format!("there is no network driver {word:?}");
                return Err(Error::usage(why, "the drivers are bridge, macvlan and vxlan"));
            }
        };
        match options.keys().next() {
            None => Ok(driver),
            Some(unknown) => {
                let why = format!("the network driver {word} has no option {unknown:?}");
                Err(Error::usage(why, "macvlan has parent, and vxlan has vni, local and peer"))
            }
        }
    }

    /// Whether the caller can have such networks: an ordinary user rules no interface of the machine.
    pub(super) fn check_powers(&self) -> Result<()> {
        match self {
            Driver::Macvlan { parent } if is_ordinary() => {
                let why = format!(
                    "the interface {parent} is the machine's, and an ordinary user can put nothing on it"
                );
                Err(Error::usage(why, "run it as root, or make a bridge: glassbox network create NAME"))
            }
            Driver::Vxlan(_) if is_ordinary() => {
                let why =
                    "an ordinary user's network namespace has no address by which other machines reach it";
                Err(Error::usage(why, "run it as root, or make a bridge: glassbox network create NAME"))
            }
            _ => Ok(()),
        }
    }

    /// The options that it was made with.
    pub fn options(&self) -> BTreeMap<&'static str, String> {
        match self {
            Driver::Bridge => BTreeMap::new(),
            Driver::Macvlan { parent } => BTreeMap::from([("parent", parent.clone())]),
            Driver::Vxlan(Tunnel { vni, local, peer }) => BTreeMap::from([
                ("vni", vni.to_string()),
                ("local", local.to_string()),
                ("peer", peer.to_string()),
            ]),
        }
    }

    /// The number of the machine's interface on whose segment its networks are.
    pub(super) fn interface(&self) -> Result<Option<u32>> {
        match self {
            Driver::Bridge | Driver::Vxlan(_) => Ok(None),
            Driver::Macvlan { parent } => Ok(Some(macvlan::find(parent)?.index)),
        }
    }

    /// Addresses on that segment that the machine has itself.
    pub(super) fn neighbours(&self) -> Result<Vec<Ipv4Addr>> {
        let Some(interface) = self.interface()? else { return Ok(vec![]) };
        let own = link::networks()?.into_iter().filter(|reached| reached.link == Some(interface));
        Ok(own.map(|reached| reached.address).collect())
    }

    /// Whether the kernel has what it has to have of a network.
    pub(super) fn is_there(&self, network: &Network) -> bool {
        match self {
            Driver::Bridge => link::exists(&bridge::name(network)),
            Driver::Macvlan { .. } => true,
            Driver::Vxlan(_) => vxlan::is_there(network),
        }
    }

    /// Make that, as far as it is not there.
    pub(super) fn make(&self, network: &Network) -> Result<()> {
        match self {
            Driver::Bridge => bridge::make(network),
            // Of this nothing stays: what there is of it is each container's own.
            Driver::Macvlan { parent } => macvlan::attempt(parent, network),
            Driver::Vxlan(tunnel) => tunnel.make(network),
        }
    }

    /// Take it away. That it is gone already is as good.
    pub(super) fn remove(&self, network: &Network) -> Result<()> {
        match self {
            Driver::Bridge => bridge::remove(network),
            Driver::Macvlan { .. } => macvlan::remove(network),
            Driver::Vxlan(_) => vxlan::remove(network),
        }
    }

    /// Whether ports of the host can lead to its containers.
    pub(super) fn check_ports(&self, ports: &[Port]) -> Result<()> {
        match self {
            Driver::Macvlan { .. } if !ports.is_empty() => {
                let why = "ports are not published on a macvlan network: nothing for its containers passes the host";
                Err(Error::usage(
                    why,
                    "leave -p away: who is on the segment reaches every port at the container's own address",
                ))
            }
            Driver::Vxlan(_) if !ports.is_empty() => {
                let why = "ports are not published on a vxlan network: the host has no address on it";
                Err(Error::usage(why, "leave -p away, or put the container on a bridge"))
            }
            _ => Ok(()),
        }
    }
}

/// An option that a network between machines cannot do without.
fn option<T: FromStr>(options: &mut BTreeMap<String, String>, name: &str) -> Result<T> {
    let given = options.remove(name);
    let value = given.as_deref().and_then(|text| text.parse().ok());
    value.ok_or_else(|| {
        let why = match given {
            Some(text) => format!("the option {name} of a vxlan network cannot be {text:?}"),
            None => format!("a vxlan network needs the option {name}"),
        };
        Error::usage(
            why,
            "such as -o vni=42 -o local=192.0.2.1 -o peer=192.0.2.2, and the other way round there",
        )
    })
}
