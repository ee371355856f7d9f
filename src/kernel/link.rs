//! Network interfaces, their addresses, and routes: what the program `ip` does, by messages over netlink.
//!
//! Every function acts on the network namespace of its caller, and sends one message.
//! <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>

mod list;
mod neighbour;

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockProtocol;

use super::netlink::Value::{
    Address, Behind, Byte, Hardware, Interface, Named, Nested, Number, Port, Ports, Text,
};
use super::netlink::{
    Attribute, NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, deliver, listed, message,
};
use super::record::call;
use super::{Errno, Error, Pid, Result, raw};

pub use super::netlink::Mac;
pub use list::{LearnedAddress, Link, Reached, learned, links, networks};
pub use neighbour::add_neighbours;

// The numbers of linux/rtnetlink.h and linux/if_link.h.
const RTM_NEWLINK: (&str, u16) = ("RTM_NEWLINK", 16);
const RTM_DELLINK: (&str, u16) = ("RTM_DELLINK", 17);
const RTM_SETLINK: (&str, u16) = ("RTM_SETLINK", 19);
const RTM_NEWADDR: (&str, u16) = ("RTM_NEWADDR", 20);
const RTM_DELADDR: (&str, u16) = ("RTM_DELADDR", 21);
const RTM_NEWROUTE: (&str, u16) = ("RTM_NEWROUTE", 24);
const AF_INET: u8 = 2;
const AF_BRIDGE: u8 = 7;
const AF_INET6: u16 = 10;
const IFF_UP: u32 = 1;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RTN_UNICAST: u8 = 1;

/// `struct ifinfomsg`: which interface, and its flags.
const IFINFOMSG: usize = 16;

/// A request: its kind, the header that this kind has, that header in words, and attributes.
struct Request {
    kind: (&'static str, u16),
    flags: u16,
    header: Vec<u8>,
    told: String,
    attributes: Vec<Attribute>,
}

impl Request {
    /// About an interface, which its attributes name.
    fn link(kind: (&'static str, u16), attributes: Vec<Attribute>) -> Self {
        Self { kind, flags: 0, header: vec![0; IFINFOMSG], told: String::new(), attributes }
    }

    fn new_link(name: &str, kind: &str, mut attributes: Vec<Attribute>, data: Vec<Attribute>) -> Self {
        let mut info = vec![Attribute::new("IFLA_INFO_KIND", 1, Text(kind.into()))];
        if !data.is_empty() {
            info.push(Attribute::new("IFLA_INFO_DATA", 2, Nested(data)));
        }
        attributes.insert(0, ifname(name));
        attributes.push(Attribute::new("IFLA_LINKINFO", 18, Nested(info)));
        Self::link(RTM_NEWLINK, attributes).create()
    }

    /// The flags, and which of them are to be changed.
    fn with_flags(self, flags: u32, told: &str) -> Self {
        let header = [&[0; 8][..], &flags.to_ne_bytes(), &IFF_UP.to_ne_bytes()].concat();
        Self { header, told: format!("ifi_flags={told}"), ..self }
    }

    fn create(self) -> Self {
        Self { flags: NLM_F_CREATE | NLM_F_EXCL, ..self }
    }

    fn send(self) -> Result<()> {
        let attributes = self.attributes.iter().flat_map(Attribute::encoded);
        let content: Vec<u8> = self.header.iter().copied().chain(attributes).collect();
        let message = message(self.kind.1, NLM_F_REQUEST | NLM_F_ACK | self.flags, &content);
        let words = [self.kind.0.to_string(), self.told.clone(), listed(&self.attributes)];
        let words: Vec<_> = words.iter().filter(|words| !words.is_empty()).map(String::as_str).collect();
        let args = || format!("NETLINK_ROUTE, {{{}}}", words.join(", "));
        call("sendto", args, || deliver(SockProtocol::NetlinkRoute, &message, 1))
    }
}

fn ifname(name: &str) -> Attribute {
    Attribute::new("IFLA_IFNAME", 3, Text(name.into()))
}

fn address(mac: Mac) -> Attribute {
    Attribute::new("IFLA_ADDRESS", 1, Hardware(mac))
}

fn master(bridge: &str) -> Result<Attribute> {
    Ok(Attribute::new("IFLA_MASTER", 10, Interface(bridge.into(), index(bridge)?)))
}

fn net_ns_pid(pid: Pid) -> Attribute {
    Attribute::new("IFLA_NET_NS_PID", 19, Number(pid.as_raw() as u32))
}

/// The number of an interface; that there is none is told as the call in which the C library asks for it.
fn index(name: &str) -> Result<u32> {
    if_nametoindex(name).map_err(|errno| Error {
        call: "ioctl",
        args: format!("SIOCGIFINDEX, {{ifr_name=\"{name}\"}}"),
        errno,
    })
}

/// Whether the caller's network namespace has an interface of this name.
pub fn exists(name: &str) -> bool {
    index(name).is_ok()
}

/// `ioctl(ETHTOOL_GLINK)`: whether somebody is at the other end of an interface in the network namespace that a socket was
/// made in. A worker of the kernel begins to send by it some time after that is so, and loses what comes before; with
/// this question that is done.
/// <https://docs.kernel.org/networking/ethtool-netlink.html>
pub fn has_carrier(socket: BorrowedFd, name: &str) -> Result<bool> {
    let cname = CString::new(name).map_err(|_| Errno::EINVAL);
    cname.and_then(|name| raw::has_carrier(socket, &name)).map_err(|errno| Error {
        call: "ioctl",
        args: format!("SIOCETHTOOL, {{ifr_name=\"{name}\", ETHTOOL_GLINK}}"),
        errno,
    })
}

/// The kinds of interfaces that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`add_veth`].
    Veth,
    /// See [`add_bridge`].
    Bridge,
    /// See [`add_macvlan`].
    Macvlan,
    /// See [`add_vxlan`].
    Vxlan,
}

impl Kind {
    /// Make one, in a network namespace that nothing else is in.
    pub fn attempt(self) -> Result<()> {
        const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
        let peer = End { name: "peer", mac: Mac([2, 0, 0, 0, 0, 2]), inside: None };
        match self {
            Kind::Veth => add_veth("attempt", MAC, &peer),
            Kind::Bridge => add_bridge("attempt", MAC),
            Kind::Macvlan => {
                add_veth("parent", MAC, &peer)?;
                add_macvlan("parent", &End { name: "attempt", mac: Mac([2, 0, 0, 0, 0, 3]), inside: None })
            }
            Kind::Vxlan => {
                let end = End { name: "attempt", mac: MAC, inside: None };
                add_vxlan(&end, 1, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST)
            }
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Veth => "veth",
            Kind::Bridge => "bridge",
            Kind::Macvlan => "macvlan",
            Kind::Vxlan => "vxlan",
        })
    }
}

/// An interface that is made for somebody: an end of a veth pair, for example.
pub struct End<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: Mac,
    /// In whose network namespace it is going to be; the caller's without.
    pub inside: Option<Pid>,
}

/// `RTM_NEWLINK`: a pair of interfaces. What one sends the other receives.
/// <https://man7.org/linux/man-pages/man4/veth.4.html>
pub fn add_veth(name: &str, mac: Mac, peer: &End) -> Result<()> {
    Request::new_link(name, "veth", vec![address(mac)], vec![veth_peer(peer)]).send()
}

/// `RTM_NEWLINK` with `IFLA_MASTER` and `IFF_UP`: such a pair, of which one is a port of a bridge from the beginning,
/// and up. Its hardware address is any.
/// <https://man7.org/linux/man-pages/man4/veth.4.html>
pub fn add_veth_port(name: &str, bridge: &str, peer: &End) -> Result<()> {
    let port = Request::new_link(name, "veth", vec![master(bridge)?], vec![veth_peer(peer)]);
    port.with_flags(IFF_UP, "IFF_UP").send()
}

fn veth_peer(peer: &End) -> Attribute {
    let other = [Some(ifname(peer.name)), Some(address(peer.mac)), peer.inside.map(net_ns_pid)];
    Attribute::new("VETH_INFO_PEER", 1, Behind(IFINFOMSG, other.into_iter().flatten().collect()))
}

/// `RTM_NEWLINK`: a switch, to which interfaces become ports.
/// <https://docs.kernel.org/networking/bridge.html>
pub fn add_bridge(name: &str, mac: Mac) -> Result<()> {
    Request::new_link(name, "bridge", vec![address(mac)], vec![]).send()
}

/// `RTM_NEWLINK`: one more interface on the segment of `parent`, in the network namespace of `inside`. Those of one
/// parent reach each other, without the parent.
/// <https://man7.org/linux/man-pages/man8/ip-link.8.html>
pub fn add_macvlan(parent: &str, child: &End) -> Result<()> {
    const MACVLAN_MODE_BRIDGE: u32 = 4;
    let link = Attribute::new("IFLA_LINK", 5, Interface(parent.into(), index(parent)?));
    let mode = Named("MACVLAN_MODE_BRIDGE", MACVLAN_MODE_BRIDGE);
    let mode = Attribute::new("IFLA_MACVLAN_MODE", 1, mode);
    let place = child.inside.map(net_ns_pid);
    let attributes = [link, address(child.mac)].into_iter().chain(place).collect();
    Request::new_link(child.name, "macvlan", attributes, vec![mode]).send()
}

/// `RTM_NEWLINK`: an interface whose frames go to another machine inside of UDP packets, from `local` to `remote`.
/// They are sent from a single port, which otherwise is chosen for each connection inside.
/// <https://docs.kernel.org/networking/vxlan.html>
pub fn add_vxlan(end: &End, id: u32, local: Ipv4Addr, remote: Ipv4Addr) -> Result<()> {
    let data = vec![
        Attribute::new("IFLA_VXLAN_ID", 1, Number(id)),
        Attribute::new("IFLA_VXLAN_GROUP", 2, Address(remote)),
        Attribute::new("IFLA_VXLAN_LOCAL", 4, Address(local)),
        Attribute::new("IFLA_VXLAN_PORT_RANGE", 10, Ports(49_152, 49_153)),
        Attribute::new("IFLA_VXLAN_PORT", 15, Port(VXLAN_PORT)),
    ];
    let place = end.inside.map(net_ns_pid);
    let attributes = [address(end.mac)].into_iter().chain(place).collect();
    Request::new_link(end.name, "vxlan", attributes, data).send()
}

/// The UDP port of VXLAN, as RFC 7348 has it.
pub const VXLAN_PORT: u16 = 4789;

/// `RTM_DELLINK`: remove an interface, and its peer if it has one.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn delete(name: &str) -> Result<()> {
    Request::link(RTM_DELLINK, vec![ifname(name)]).send()
}

/// `RTM_SETLINK` with `IFF_UP`: from here on it sends and receives.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn set_up(name: &str) -> Result<()> {
    set_flags(name, IFF_UP, "IFF_UP")
}

/// `RTM_SETLINK` without `IFF_UP`.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn set_down(name: &str) -> Result<()> {
    set_flags(name, 0, "0")
}

fn set_flags(name: &str, flags: u32, told: &str) -> Result<()> {
    Request::link(RTM_SETLINK, vec![ifname(name)]).with_flags(flags, told).send()
}

/// `RTM_SETLINK` with `IFLA_MTU`: the longest packet that it takes, in bytes.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn set_mtu(name: &str, mtu: u32) -> Result<()> {
    Request::link(RTM_SETLINK, vec![ifname(name), Attribute::new("IFLA_MTU", 4, Number(mtu))]).send()
}

/// `RTM_SETLINK` with `IFLA_INET6_ADDR_GEN_MODE`: no address of IP version 6 comes by itself when it is up.
/// <https://docs.kernel.org/networking/ip-sysctl.html>
pub fn set_without_ipv6_address(name: &str) -> Result<()> {
    const NONE: u8 = 1;
    let mode = Attribute::new("IFLA_INET6_ADDR_GEN_MODE", 8, Byte(NONE));
    let family = Attribute::new("AF_INET6", AF_INET6, Nested(vec![mode]));
    let families = Attribute::new("IFLA_AF_SPEC", 26, Nested(vec![family]));
    Request::link(RTM_SETLINK, vec![ifname(name), families]).send()
}

/// `RTM_SETLINK` with `IFLA_MASTER`: make it a port of a bridge.
/// <https://man7.org/linux/man-pages/man8/bridge.8.html>
pub fn set_master(name: &str, bridge: &str) -> Result<()> {
    Request::link(RTM_SETLINK, vec![ifname(name), master(bridge)?]).send()
}

/// `RTM_SETLINK` of `AF_BRIDGE`, with `IFLA_BRPORT_MODE`: let a bridge send what came by this port out by it again, where
/// the packet filter has given that another address.
/// <https://man7.org/linux/man-pages/man8/bridge.8.html>
pub fn set_hairpin(port: &str) -> Result<()> {
    let mut header = vec![0; IFINFOMSG];
    header[0] = AF_BRIDGE;
    header[4..8].copy_from_slice(&index(port)?.to_ne_bytes());
    let told = format!("ifi_family=AF_BRIDGE, ifi_index=if_nametoindex(\"{port}\")");
    let mode = vec![Attribute::new("IFLA_BRPORT_MODE", 4, Byte(1))];
    let attributes = vec![Attribute::new("IFLA_PROTINFO", 12 | NLA_F_NESTED, Nested(mode))];
    Request { header, told, ..Request::link(RTM_SETLINK, attributes) }.send()
}

/// `RTM_NEWADDR`: an address, and how many bits of it all in the same network have in common.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn add_address(name: &str, address: Ipv4Addr, prefix: u8) -> Result<()> {
    about_address(RTM_NEWADDR, name, address, prefix)?.create().send()
}

/// `RTM_DELADDR`: take an address away again.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn remove_address(name: &str, address: Ipv4Addr, prefix: u8) -> Result<()> {
    about_address(RTM_DELADDR, name, address, prefix)?.send()
}

fn about_address(kind: (&'static str, u16), name: &str, address: Ipv4Addr, prefix: u8) -> Result<Request> {
    let mut header = vec![AF_INET, prefix, 0, RT_SCOPE_UNIVERSE];
    header.extend(index(name)?.to_ne_bytes());
    let told = format!("ifa_prefixlen={prefix}, ifa_index=if_nametoindex(\"{name}\")");
    let attributes = vec![
        Attribute::new("IFA_LOCAL", 2, Address(address)),
        Attribute::new("IFA_ADDRESS", 1, Address(address)),
    ];
    Ok(Request { kind, flags: 0, header, told, attributes })
}

/// `RTM_NEWROUTE`: send what is for nobody near to this neighbour.
/// <https://man7.org/linux/man-pages/man7/rtnetlink.7.html>
pub fn add_default_route(gateway: Ipv4Addr) -> Result<()> {
    let (dst_len, src_len, tos) = (0, 0, 0);
    let header = [AF_INET, dst_len, src_len, tos, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST];
    let header = [&header[..], &[0; 4]].concat();
    let attributes = vec![Attribute::new("RTA_GATEWAY", 5, Address(gateway))];
    Request { kind: RTM_NEWROUTE, flags: 0, header, told: "rtm_dst_len=0".into(), attributes }.create().send()
}
