//! A network on an interface of the host's: each container has a hardware address of its own on that segment.
//!
//! Nothing of it is the host's but the parent, which is there anyway. The host itself does not reach its own containers
//! by it, for the kernel looks for them only in what comes in from the segment.

use super::{Network, bridge};
use crate::container::error::{Error, Result};
use crate::kernel::Errno;
use crate::kernel::link::{self, End, Link};

const EXAMPLE: &str = "glassbox network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 lan";

/// That none was named.
pub(super) fn no_parent() -> Error {
    let why = "a macvlan network needs an interface of this machine for its parent";
    Error::usage(why, format!("name it, and the network that it is on: {EXAMPLE}"))
}

/// The parent, if it can be one.
pub(super) fn find(parent: &str) -> Result<Link> {
    let links = link::links()?;
    let usable = links.iter().filter(|link| link.name != "lo" && link.master.is_none());
    let usable = usable.map(|link| link.name.as_str()).collect::<Vec<_>>().join(", ");
    let hint = if usable.is_empty() { "there are no others".into() } else { format!("there are {usable}") };
    let Some(link) = links.iter().find(|link| link.name == parent) else {
        return Err(Error::usage(format!("this machine has no interface {parent:?}"), hint));
    };
    if !link.up {
        let why = format!("the interface {parent} is down, and with it whatever is on it");
        return Err(Error::usage(why, format!("bring it up: ip link set {parent} up")));
    }
    Ok(link.clone())
}

/// Whether the parent takes children: one is made, and goes again. It has the name by which it is found if that is cut
/// short.
pub(super) fn attempt(parent: &str, network: &Network) -> Result<()> {
    let name = bridge::name(network);
    remove(network)?;
    connect(parent, &End { name: &name, mac: bridge::mac(network.subnet.first), inside: None })?;
    remove(network)
}

/// What an attempt has left.
pub(super) fn remove(network: &Network) -> Result<()> {
    Ok(bridge::unless(Errno::ENODEV, link::delete(&bridge::name(network)))?)
}

/// The container's interface is made on the parent.
pub(super) fn connect(parent: &str, end: &End) -> Result<()> {
    match link::add_macvlan(parent, end) {
        Err(error) if error.errno == Errno::EBUSY => {
            let why = format!(
                "the interface {parent} is in use: it is a port of a bridge, or has children of another kind"
            );
            Err(Error::usage(why, "take another one, or the bridge itself: ip -d link shows what each is"))
        }
        Err(error) if error.errno == Errno::EINVAL => {
            let why = format!("the interface {parent} takes no children of the kind macvlan");
            Err(Error::usage(
                why,
                "it has to be one with hardware addresses, such as a network card: ip -d link",
            ))
        }
        // It has gone since it was looked for.
        Err(error) if error.errno == Errno::ENODEV => find(parent).map(drop),
        // A container that has ended tells itself why.
        made => Ok(bridge::unless(Errno::ESRCH, made)?),
    }
}
