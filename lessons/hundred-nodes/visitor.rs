//! Somebody who goes from node to node, and opens a socket in the network of each. A socket stays where it was made: what
//! is sent by it later is sent by that node.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

use super::props::{Node, counted, hosts, mac};
use crate::kernel::link::add_neighbours;
use crate::kernel::namespace::{Kind, setns_file};
use crate::kernel::net::{
    Ipv4Addr, SocketAddrV4, bind, datagram_socket, everywhere, let_wait, recvmmsg, sendmmsg, sendto,
};
use crate::kernel::process::raise_open_files;
use crate::probe::net::neighbours;
use crate::stage::{Error, Result, Stage};

/// Where each node listens, and the host.
const PORT: u16 = 7000;
/// The host, as its nodes know it.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// Up to so many nodes, each sends to each.
const ALL_TO_ALL: usize = 200;
/// With more of them, each to so many others. The first one sends to all.
const SAMPLE: usize = 8;

/// Whom a node is going to send to: numbers of nodes.
pub(super) fn targets(count: usize) -> Vec<Vec<usize>> {
    let others = |own: usize| (0..count).filter(move |other| *other != own);
    let sample = |own: usize| {
        let mut drawn = BTreeSet::new();
        while drawn.len() < SAMPLE {
            let other = crate::machine::random() as usize % count;
            drawn.extend(Some(other).filter(|other| *other != own));
        }
        drawn.into_iter().collect()
    };
    let of = |own| if count <= ALL_TO_ALL || own == 0 { others(own).collect() } else { sample(own) };
    (0..count).map(of).collect()
}

/// A node's socket, and what its own hosts file says.
struct Place {
    socket: OwnedFd,
    hosts: BTreeMap<String, Ipv4Addr>,
}

/// Visit all nodes; then, in two more phases, let each say something to the host, and to its targets.
pub(super) fn visit(visitor: &mut Stage, nodes: &[Node], targets: &[Vec<usize>]) -> Result<()> {
    let at_host = visitor.backstage(|| listen(nodes.len()))?;
    let places = visitor.backstage(|| -> Result<Vec<Place>> {
        // Sockets, and some for itself.
        raise_open_files(nodes.len() as u64 + 64)?;
        nodes.iter().zip(targets).map(|(node, targets)| settle(visitor, node, nodes, targets)).collect()
    })?;
    visitor.hold()?;

    for (number, (node, place)) in nodes.iter().zip(&places).enumerate() {
        let say = || sendto(place.socket.as_fd(), &node.name, SocketAddrV4::new(HOST, PORT));
        if number == 0 { say()? } else { visitor.backstage(say)? }
    }
    let said = visitor.backstage(|| hear(&at_host, nodes.len()))?;
    let right = nodes.iter().filter(|node| said.contains(&(node.name.clone(), node.address))).count();
    visitor.check("the host hears of every node").expect(nodes.len()).saw(&counted(right, "recvmmsg()"))?;
    visitor.hold()?;

    for (number, (node, place)) in nodes.iter().zip(&places).enumerate() {
        let to = resolved(place, nodes, &targets[number])?;
        let send = || -> Result<()> {
            let mut rest = &to[..];
            while !rest.is_empty() {
                rest = &rest[sendmmsg(place.socket.as_fd(), &node.name, rest)?..];
            }
            Ok(())
        };
        if number == 0 { visitor.depending_on_machine(send)? } else { visitor.backstage(send)? }
    }
    let (mut pairs, mut of_the_first) = (0, 0);
    for (number, place) in places.iter().enumerate() {
        let from = |other: &usize| targets[*other].contains(&number);
        let senders: Vec<usize> = (0..nodes.len()).filter(from).collect();
        let heard = visitor.backstage(|| hear(&place.socket, senders.len()))?;
        let known =
            |sender: &&usize| heard.contains(&(nodes[**sender].name.clone(), nodes[**sender].address));
        pairs += senders.iter().filter(known).count();
        of_the_first += usize::from(heard.contains(&(nodes[0].name.clone(), nodes[0].address)));
        let (done, all) = (number + 1, nodes.len());
        if done.is_multiple_of(all.div_ceil(10)) || done == all {
            visitor.gauge("nodes", done as u64, all as u64, "have heard all callers");
        }
    }
    let wanted: usize = targets.iter().map(Vec::len).sum();
    visitor.measure("datagrams between two nodes", pairs, "recvmmsg() in each node");
    visitor.check("every node reaches whom it calls").expect(wanted).saw(&counted(pairs, "recvmmsg()"))?;
    let all = nodes.len() - 1;
    visitor.check("the first one reaches all").expect(all).saw(&counted(of_the_first, "recvmmsg()"))?;
    visitor.hold()
}

/// A socket at which so many may call.
fn listen(callers: usize) -> Result<OwnedFd> {
    const OF_A_DATAGRAM: usize = 1 << 10;
    let socket = datagram_socket()?;
    let_wait(socket.as_fd(), callers * OF_A_DATAGRAM)?;
    bind(socket.as_fd(), everywhere(PORT))?;
    Ok(socket)
}

// ANCHOR: settle
/// In the network of a node: its socket, and whom it is going to talk to.
fn settle(visitor: &Stage, node: &Node, nodes: &[Node], targets: &[usize]) -> Result<Place> {
    setns_file(format!("/proc/{}/ns/net", node.pid), Kind::Net)?;
    let socket = listen(nodes.len())?;
    let addresses = targets.iter().map(|target| nodes[*target].address).chain([HOST]);
    let known: Vec<_> = addresses.map(|address| (address, mac(address))).collect();
    let tell = || add_neighbours("eth0", &known);
    if *node == nodes[0] {
        visitor.depending_on_machine(tell)?
    } else {
        tell()?
    }
    let hosts = hosts(&format!("/proc/{}/root/etc/hosts", node.pid))?;
    Ok(Place { socket, hosts })
}

/// The addresses that a node's own hosts file gives to the names of its targets.
fn resolved(place: &Place, nodes: &[Node], targets: &[usize]) -> Result<Vec<SocketAddrV4>> {
    let of = |target: &usize| {
        let name = &nodes[*target].name;
        let address = place.hosts.get(name).ok_or_else(|| Error::Lesson(format!("nobody knows {name}")))?;
        Ok(SocketAddrV4::new(*address, PORT))
    };
    targets.iter().map(of).collect()
}
// ANCHOR_END: settle

/// Who has called, and from where, until it were so many or nobody calls any more.
fn hear(socket: &OwnedFd, callers: usize) -> Result<BTreeSet<(String, Ipv4Addr)>> {
    let mut heard = BTreeSet::new();
    while heard.len() < callers {
        let Ok(datagrams) = recvmmsg(socket.as_fd(), callers - heard.len()) else { break };
        heard.extend(datagrams.into_iter().map(|(name, from)| (name, *from.ip())));
    }
    Ok(heard)
}

/// How many neighbours the nodes know, taken together.
pub(super) fn known(nodes: &[Node]) -> Result<usize> {
    let of = |node: &Node| {
        let entries = neighbours(node.pid)?.text;
        Ok(entries.split(", ").filter(|entry| *entry != "(empty)").count())
    };
    nodes.iter().map(of).sum()
}
