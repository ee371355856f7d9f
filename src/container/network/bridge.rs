//! The switch of a network: a bridge with the gateway's address on it, and the rules around it.

use super::Network;
use crate::container::error::Result;
use crate::kernel::link::{self, Mac};
use crate::kernel::net::Ipv4Addr;
use crate::kernel::nftables::{Action, Hook, Match, TableRule, delete_table, replace_table};
use crate::kernel::{self, Errno};

/// What the names of all bridges begin with.
pub(super) const STEM: &str = "gb-";

/// The name of a network's bridge, and of its table in the packet filter. The kernel takes fifteen signs.
pub(super) fn name(network: &Network) -> String {
    format!("{STEM}{}", network.id.short())
}

/// The hardware address that goes with an address, as docker has it: then nobody remembers a wrong one when an address
/// is given again.
pub(super) fn mac(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    Mac([2, 0x42, a, b, c, d])
}

/// That it is there already is as good.
pub(super) fn unless(errno: Errno, done: kernel::Result<()>) -> kernel::Result<()> {
    match done {
        Err(error) if error.errno == errno => Ok(()),
        done => done,
    }
}

/// Make it, as far as it is not there: after the machine has been started again nothing is.
pub(super) fn make(network: &Network) -> Result<()> {
    let bridge = name(network);
    let gateway = network.subnet.gateway();
    unless(Errno::EEXIST, link::add_bridge(&bridge, mac(gateway)))?;
    unless(Errno::EEXIST, link::add_address(&bridge, gateway, network.subnet.prefix))?;
    link::set_up(&bridge)?;
    Ok(replace_table(&bridge, &rules(network))?)
}

/// That it is gone already is as good.
pub(super) fn remove(network: &Network) -> Result<()> {
    let bridge = name(network);
    delete_table(&bridge)?;
    Ok(unless(Errno::ENODEV, link::delete(&bridge))?)
}

/// What leaves the network for another one carries the host's address. What comes from outside, and was not asked for,
/// does not get in. And nobody on it reaches the host's own loopback addresses.
fn rules(network: &Network) -> Vec<TableRule> {
    let (bridge, subnet) = (name(network), network.subnet);
    let own = Match::From(subnet.first, subnet.prefix);
    let into = [Match::Out(bridge.clone()), Match::NotIn(bridge.clone())];
    let rule = |hook, matches: Vec<Match>, action| TableRule { hook, matches, action };
    vec![
        rule(
            Hook::Raw,
            vec![Match::In(bridge.clone()), Match::To(Ipv4Addr::new(127, 0, 0, 0), 8)],
            Action::Drop,
        ),
        rule(Hook::Postrouting, vec![own, Match::NotOut(bridge)], Action::Masquerade),
        rule(
            Hook::Forward,
            into.into_iter().chain([Match::New, Match::NotRedirected]).collect(),
            Action::Drop,
        ),
    ]
}
