//! What there is: interfaces, and what a bridge knows of who is behind which port.

use std::net::Ipv4Addr;

use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockProtocol;

use super::super::netlink::{Mac, attributes, dump};
use super::super::{Error, Result};
use super::{AF_BRIDGE, AF_INET, IFINFOMSG};

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
/// `struct ndmsg`: which interface, and in which state.
const NDMSG: usize = 12;
/// An address of the port itself, and not one that was learned.
const NUD_PERMANENT: u16 = 0x80;
/// The state of an interface, of linux/if.h.
const IF_OPER_UP: u8 = 6;
/// The state of a port, of linux/if_bridge.h.
const BR_STATE_FORWARDING: u8 = 3;

/// A network interface.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its number in this network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `veth`, `bridge` and so on; empty for hardware and for `lo`.
    pub kind: String,
    /// Its hardware address, where it has one of six bytes.
    pub mac: Option<Mac>,
    /// The longest packet that it takes, in bytes.
    pub mtu: u32,
    /// Whether it was brought up.
    pub up: bool,
    /// The number of the bridge that it is a port of.
    pub master: Option<u32>,
    /// The number of the interface that it is on top of, or of its peer; in another namespace, perhaps.
    pub parent: Option<u32>,
    /// Whether the kernel has found somebody at its other end, and sends by it.
    pub operational: bool,
    /// Whether it passes frames on, if it is a port of a bridge.
    pub forwards: bool,
    /// The number of its network, if it is a vxlan.
    pub vxlan_id: Option<u32>,
}

/// `RTM_GETLINK`: the interfaces of the caller's network namespace.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn links() -> Result<Vec<Link>> {
    let messages = asked("RTM_GETLINK", dump(SockProtocol::NetlinkRoute, RTM_GETLINK, &[0; IFINFOMSG]))?;
    Ok(messages.iter().filter_map(|message| link(message)).collect())
}

fn link(message: &[u8]) -> Option<Link> {
    let (head, rest) = message.split_at_checked(IFINFOMSG)?;
    let flags = number(&head[8..12])?;
    let attributes = attributes(rest);
    let of = |kind: u16| find(&attributes, kind);
    let info = self::attributes(of(18).unwrap_or_default());
    let kind = find(&info, 1).map(text).unwrap_or_default();
    let data = self::attributes(find(&info, 2).unwrap_or_default());
    let port = self::attributes(find(&info, 5).unwrap_or_default());
    Some(Link {
        operational: of(16) == Some(&[IF_OPER_UP]),
        forwards: find(&port, 1) == Some(&[BR_STATE_FORWARDING]),
        index: number(&head[4..8])?,
        name: of(3).map(text)?,
        mac: of(1).and_then(|bytes| bytes.try_into().ok()).map(Mac),
        mtu: of(4).and_then(number)?,
        up: InterfaceFlags::from_bits_retain(flags as i32).contains(InterfaceFlags::IFF_UP),
        master: of(10).and_then(number),
        parent: of(5).and_then(number),
        vxlan_id: find(&data, 1).and_then(number).filter(|_| kind == "vxlan"),
        kind,
    })
}

/// An address, and the port of a bridge that it is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedAddress {
    /// The hardware address.
    pub mac: Mac,
    /// The number of the port.
    pub port: u32,
}

/// `RTM_GETNEIGH` of `AF_BRIDGE`: the addresses that the bridge with this number has learned.
/// <https://man7.org/linux/man-pages/man8/bridge.8.html>
pub fn learned(bridge: u32) -> Result<Vec<LearnedAddress>> {
    let mut header = [0; NDMSG];
    header[0] = AF_BRIDGE;
    let messages = asked("RTM_GETNEIGH", dump(SockProtocol::NetlinkRoute, RTM_GETNEIGH, &header))?;
    let entry = |message: &Vec<u8>| {
        let (head, rest) = message.split_at_checked(NDMSG)?;
        let (port, state) = (number(&head[4..8])?, u16::from_ne_bytes([head[8], head[9]]));
        let attributes = attributes(rest);
        let mac = Mac(find(&attributes, 2)?.try_into().ok()?);
        let ours = find(&attributes, 9).and_then(number) == Some(bridge);
        (ours && state & NUD_PERMANENT == 0).then_some(LearnedAddress { mac, port })
    };
    Ok(messages.iter().filter_map(entry).collect())
}

/// A network that is reached without a gateway or with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// An address in it: one of the machine's own, or the first.
    pub address: Ipv4Addr,
    /// How many bits all of its addresses have in common.
    pub prefix: u8,
    /// The number of the interface by which it is reached.
    pub link: Option<u32>,
}

/// `RTM_GETADDR` and `RTM_GETROUTE`: the networks of IP version 4 that the caller's network namespace has addresses in, or
/// knows ways to. The default route is none.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn networks() -> Result<Vec<Reached>> {
    /// `struct ifaddrmsg`.
    const IFADDRMSG: usize = 8;
    /// `struct rtmsg`.
    const RTMSG: usize = 12;
    const IFA_LOCAL: u16 = 2;
    /// `IFA_ADDRESS` of an address, `RTA_DST` of a route.
    const DESTINATION: u16 = 1;
    const RTA_OIF: u16 = 4;
    let mut networks = vec![];
    for (what, kind, length) in
        [("RTM_GETADDR", RTM_GETADDR, IFADDRMSG), ("RTM_GETROUTE", RTM_GETROUTE, RTMSG)]
    {
        let mut header = vec![0; length];
        header[0] = AF_INET;
        for message in asked(what, dump(SockProtocol::NetlinkRoute, kind, &header))? {
            let Some((head, rest)) = message.split_at_checked(length) else { continue };
            let attributes = attributes(rest);
            let (kinds, link) = if kind == RTM_GETADDR {
                (&[IFA_LOCAL, DESTINATION][..], number(&head[4..8]))
            } else {
                (&[DESTINATION][..], find(&attributes, RTA_OIF).and_then(number))
            };
            let address = kinds.iter().find_map(|kind| <[u8; 4]>::try_from(find(&attributes, *kind)?).ok());
            networks.extend(address.map(|octets| Reached { address: octets.into(), prefix: head[1], link }));
        }
    }
    networks.retain(|reached| reached.prefix > 0);
    Ok(networks)
}

fn asked<T>(what: &str, answer: nix::Result<T>) -> Result<T> {
    answer.map_err(|errno| Error { call: "sendto", args: format!("NETLINK_ROUTE, {{{what}}}"), errno })
}

fn find<'a>(attributes: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    attributes.iter().find(|(found, _)| *found == kind).map(|(_, content)| *content)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').into()
}
