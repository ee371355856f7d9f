//! The switch of a network: a bridge with the gateway's address on it, and the rules around it.

use super::{Member, Network};
use crate::container::error::Result;
use crate::kernel::link::{self, End, Mac};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4};
use crate::kernel::nftables::{
    Action, Hook, Key, Match, Redirection, TableRule, add_redirections, delete_table, remove_redirections,
    replace_table,
};
use crate::kernel::{self, Errno, fs};

/// The first of the addresses by which a host reaches itself.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 0);

/// What the names of all bridges begin with.
pub(super) const STEM: &str = "gb-";

/// The name of a network's bridge, and of its table in the packet filter. The kernel takes fifteen signs.
pub(super) fn name(network: &Network) -> String {
    format!("{STEM}{}", network.id.short())
}

/// The name of the port that leads to an address.
pub(super) fn port(address: Ipv4Addr) -> String {
    format!("gv-{:08x}", u32::from(address))
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
    let gateway = network.gateway().unwrap_or(network.subnet.gateway());
    unless(Errno::EEXIST, link::add_bridge(&bridge, mac(gateway)))?;
    unless(Errno::EEXIST, link::add_address(&bridge, gateway, network.subnet.prefix))?;
    link::set_up(&bridge)?;
    filter(network)
}

/// A pair of interfaces is made: one is a port of the bridge, and the other one the container's. One that is reached by
/// ports of the host may ask for itself by such a port.
pub(super) fn connect(port: &str, bridge: &str, end: &End, is_reached: bool) -> Result<()> {
    let connect = || link::add_veth_port(port, bridge, end);
    let connected = match connect() {
        // It is named by the address. Whoever had that before has ended, and the kernel will clear it away some day.
        Err(error) if error.errno == Errno::EEXIST => {
            unless(Errno::ENODEV, link::delete(port))?;
            connect()
        }
        connected => connected,
    };
    let connected = connected
        .and_then(|()| if is_reached { unless(Errno::ENODEV, link::set_hairpin(port)) } else { Ok(()) });
    // One that has ended tells itself why.
    Ok(unless(Errno::ESRCH, connected)?)
}

/// The rules around it. Those for ports come with the first member that has some.
pub(super) fn filter(network: &Network) -> Result<()> {
    let bridge = name(network);
    let ports = redirections(&network.members.all);
    if ports.is_empty() {
        return Ok(replace_table(&bridge, &rules(network), &ports)?);
    }
    let rules = [rules(network), rules_for_ports(network)].concat();
    replace_table(&bridge, &rules, &ports)?;
    pass_loopback(&bridge)
}

/// The ports of one more member.
pub(super) fn publish(network: &Network, member: &Member) -> Result<()> {
    let bridge = name(network);
    match add_redirections(&bridge, &redirections([member])) {
        Ok(()) => pass_loopback(&bridge),
        // It is the first one that has some; or the table knows what was not cleared away.
        Err(_) => filter(network),
    }
}

/// No more those of members that have gone.
pub(super) fn unpublish(network: &Network, gone: &[Member]) -> Result<()> {
    // As above; or they were killed before they were published.
    remove_redirections(&name(network), &redirections(gone)).or_else(|_| filter(network))
}

/// What the host itself sends to a published port can come from a loopback address, and passes by the bridge only if that
/// is allowed there.
fn pass_loopback(bridge: &str) -> Result<()> {
    Ok(fs::write(format!("/proc/sys/net/ipv4/conf/{bridge}/route_localnet"), "1")?)
}

fn redirections<'a>(members: impl IntoIterator<Item = &'a Member>) -> Vec<Redirection> {
    let of = |member: &'a Member| {
        member.ports.iter().map(|port| Redirection {
            address: Some(port.address).filter(|address| !address.is_unspecified()),
            protocol: port.protocol,
            port: port.host,
            to: SocketAddrV4::new(member.address, port.container),
        })
    };
    members.into_iter().flat_map(of).collect()
}

/// That it is gone already is as good.
pub(super) fn remove(network: &Network) -> Result<()> {
    let bridge = name(network);
    delete_table(&bridge)?;
    let links = link::links()?;
    let own = links.iter().find(|link| link.name == bridge).map(|link| link.index);
    // Those of containers that have ended go by themselves, unless somebody holds their network namespaces.
    for port in links.iter().filter(|link| own.is_some() && link.master == own) {
        unless(Errno::ENODEV, link::delete(&port.name))?;
    }
    Ok(unless(Errno::ENODEV, link::delete(&bridge))?)
}

fn rule(hook: Hook, matches: &[Match], action: Action) -> TableRule {
    TableRule { hook, matches: matches.to_vec(), action }
}

/// What leaves the network for another one carries the host's address. What comes from outside, and was not asked for
/// or published, does not get in. And nobody on it reaches the host's own loopback addresses.
fn rules(network: &Network) -> Vec<TableRule> {
    let bridge = || name(network);
    let own = Match::From(network.subnet.first, network.subnet.prefix);
    let uninvited = [Match::Out(bridge()), Match::NotIn(bridge()), Match::New, Match::NotRedirected];
    vec![
        rule(Hook::Raw, &[Match::In(bridge()), Match::To(LOOPBACK, 8)], Action::Drop),
        rule(Hook::Postrouting, &[own, Match::NotOut(bridge())], Action::Masquerade),
        rule(Hook::Forward, &uninvited, Action::Drop),
    ]
}

/// What is for a published port goes to its container. A neighbour of the host's can send to any address, and is nobody to
/// whom a loopback address is published.
///
/// A member that asks for a member by a port of the host, or the host by its loopback address: the answer has to come back
/// the same way.
fn rules_for_ports(network: &Network) -> Vec<TableRule> {
    let out = || Match::Out(name(network));
    let own = Match::From(network.subnet.first, network.subnet.prefix);
    let no_loopback = || Match::NotTo(LOOPBACK, 8);
    vec![
        rule(Hook::Prerouting, &[no_loopback(), Match::ToLocal], Action::Redirect(Key::Port)),
        rule(Hook::Prerouting, &[no_loopback()], Action::Redirect(Key::Place)),
        rule(Hook::Output, &[Match::ToLocal], Action::Redirect(Key::Port)),
        rule(Hook::Output, &[], Action::Redirect(Key::Place)),
        rule(Hook::Postrouting, &[own, out(), Match::Redirected], Action::Masquerade),
        rule(Hook::Postrouting, &[Match::From(LOOPBACK, 8), out()], Action::Masquerade),
    ]
}
