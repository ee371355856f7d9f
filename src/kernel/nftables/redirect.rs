//! Where packets are sent on to: a rule looks it up in a map. One more published port is one more element of a map, and
//! the rules stay as they are, however many ports there are.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::SockProtocol;

use super::super::Result;
use super::super::netlink::{self, NLA_F_NESTED, attribute};
use super::super::record::call;
use super::nat::{
    NFT_META_L4PROTO, NFT_NAT_DNAT, NFT_PAYLOAD_TRANSPORT_HEADER, NFT_REG_1, Protocol, data, number, step,
};
use super::table::{NFT_PAYLOAD_NETWORK_HEADER, deliver, deliver_by};
use super::{NFNL_SUBSYS_NFTABLES, NFPROTO_IPV4};

// The numbers of linux/netfilter/nf_tables.h.
const NFT_MSG_NEWSET: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 9;
const NFT_MSG_NEWSETELEM: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 12;
const NFT_MSG_DELSETELEM: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 14;
const NFT_SET_MAP: u32 = 0x8;
const NFT_REG32_01: u32 = 9;
const NFT_REG32_02: u32 = 10;

/// Each part of a key, and of what it leads to, fills so many bytes.
const REGISTER: u32 = 4;

/// What nft calls the parts, by number, so that it can show them. Of parts that belong together each has six bits.
const IPV4_ADDR: u32 = 7;
const INET_PROTO: u32 = 12;
const INET_SERVICE: u32 = 13;
const BITS: u32 = 6;

/// What a map knows a packet by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The port that it is for.
    Port,
    /// The address and the port.
    Place,
}

impl Key {
    const ALL: [Key; 2] = [Key::Port, Key::Place];

    /// What its map is called.
    fn map(self) -> &'static str {
        match self {
            Key::Port => "ports",
            Key::Place => "places",
        }
    }

    fn parts(self) -> &'static [u32] {
        match self {
            Key::Port => &[INET_PROTO, INET_SERVICE],
            Key::Place => &[IPV4_ADDR, INET_PROTO, INET_SERVICE],
        }
    }

    /// Look a packet up: where it goes to is in the first register then, and the port in the second. One that is not
    /// known meets the next rule.
    pub(super) fn translate(self) -> Vec<u8> {
        let payload = |register, base, offset, length| {
            let what = [number(2, base), number(3, offset), number(4, length)];
            step("payload", &[number(1, register), what.concat()])
        };
        let protocol = |register| step("meta", &[number(1, register), number(2, NFT_META_L4PROTO)]);
        let port = |register| payload(register, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
        let load = match self {
            Key::Port => [protocol(NFT_REG_1), port(NFT_REG32_01)].concat(),
            Key::Place => {
                let address = payload(NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
                [address, protocol(NFT_REG32_01), port(NFT_REG32_02)].concat()
            }
        };
        let map = attribute(1, format!("{}\0", self.map()).as_bytes());
        let look_up = step("lookup", &[map, number(2, NFT_REG_1), number(3, NFT_REG_1)]);
        let what = [number(1, NFT_NAT_DNAT), number(2, NFPROTO_IPV4.into())];
        let nat = step("nat", &[what.concat(), number(3, NFT_REG_1), number(5, NFT_REG32_01)]);
        [load, look_up, nat].concat()
    }

    /// The map itself.
    fn new_set(self, table: &str) -> Vec<u8> {
        let kind = |parts: &[u32]| parts.iter().fold(0, |kind, part| kind << BITS | part);
        let length = |parts: &[u32]| parts.len() as u32 * REGISTER;
        let leads_to = [IPV4_ADDR, INET_SERVICE];
        // NFTA_SET_TABLE, _NAME, _FLAGS, _KEY_TYPE, _KEY_LEN, _DATA_TYPE, _DATA_LEN, _ID
        [
            attribute(1, format!("{table}\0").as_bytes()),
            attribute(2, format!("{}\0", self.map()).as_bytes()),
            number(3, NFT_SET_MAP),
            number(4, kind(self.parts())),
            number(5, length(self.parts())),
            number(6, kind(&leads_to)),
            number(7, length(&leads_to)),
            number(10, self as u32 + 1),
        ]
        .concat()
    }
}

impl fmt::Display for Key {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let address = if *self == Key::Place { "ip daddr . " } else { "" };
        write!(f, "{address}meta l4proto . th dport map @{}", self.map())
    }
}

/// A packet that is for this goes somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirection {
    /// The address that it has to be for; each of this machine's, if there is none.
    pub address: Option<Ipv4Addr>,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port that it has to be for.
    pub port: u16,
    /// Where it goes.
    pub to: SocketAddrV4,
}

impl Redirection {
    fn key(&self) -> Key {
        if self.address.is_some() { Key::Place } else { Key::Port }
    }

    /// NFTA_LIST_ELEM with NFTA_SET_ELEM_KEY, and NFTA_SET_ELEM_DATA if that is to be said.
    fn element(&self, is_whole: bool) -> Vec<u8> {
        let [high, low] = self.port.to_be_bytes();
        let address = self.address.map(|address| address.octets());
        let parts = [[self.protocol.number(), 0, 0, 0], [high, low, 0, 0]];
        let key = address.into_iter().chain(parts).flatten().collect::<Vec<u8>>();
        let [high, low] = self.to.port().to_be_bytes();
        let to = [self.to.ip().octets(), [high, low, 0, 0]].concat();
        let to = if is_whole { data(2, &to) } else { vec![] };
        attribute(1 | NLA_F_NESTED, &[data(1, &key), to].concat())
    }
}

impl fmt::Display for Redirection {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let address = self.address.map(|address| format!("{address} . ")).unwrap_or_default();
        let Self { protocol, port, to, .. } = self;
        write!(f, "{address}{protocol} . {port} : {} . {}", to.ip(), to.port())
    }
}

/// Elements for both maps, or without them. The length of an attribute is a number of sixteen bits: many are divided.
fn messages(kind: u16, table: &str, redirections: &[Redirection]) -> Vec<(u16, Vec<u8>)> {
    const AT_ONCE: usize = 1000;
    let of = |key: Key| redirections.iter().filter(move |one| one.key() == key).collect::<Vec<_>>();
    let message = |key: Key, some: &[&Redirection]| {
        let elements: Vec<u8> = some.iter().flat_map(|one| one.element(kind == NFT_MSG_NEWSETELEM)).collect();
        // NFTA_SET_ELEM_LIST_TABLE, _SET, _ELEMENTS
        let content = [
            attribute(1, format!("{table}\0").as_bytes()),
            attribute(2, format!("{}\0", key.map()).as_bytes()),
            attribute(3 | NLA_F_NESTED, &elements),
        ];
        (kind, content.concat())
    };
    Key::ALL
        .into_iter()
        .flat_map(|key| of(key).chunks(AT_ONCE).map(|some| message(key, some)).collect::<Vec<_>>())
        .collect()
}

/// The maps of a new table, with these in them.
pub(super) fn maps(table: &str, redirections: &[Redirection]) -> Vec<(u16, Vec<u8>)> {
    let maps = Key::ALL.map(|key| (NFT_MSG_NEWSET, key.new_set(table)));
    maps.into_iter().chain(messages(NFT_MSG_NEWSETELEM, table, redirections)).collect()
}

/// Put these into the maps of a table. `nft add element` sends the same.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn add_redirections(table: &str, redirections: &[Redirection]) -> Result<()> {
    change(NFT_MSG_NEWSETELEM, "NFT_MSG_NEWSETELEM", table, redirections, deliver)
}

/// Take these out of them again: all, or none if one is not there. `nft delete element` sends the same.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn remove_redirections(table: &str, redirections: &[Redirection]) -> Result<()> {
    change(NFT_MSG_DELSETELEM, "NFT_MSG_DELSETELEM", table, redirections, deliver_and_keep)
}

/// By a socket that stays open for the next ones: to close it, one waits until the kernel has cleared away what was
/// removed, some ten milliseconds. It belongs to the network namespace that the first were in; in another one there is no
/// such table.
fn deliver_and_keep(messages: &[(u16, Vec<u8>)]) -> nix::Result<()> {
    static KEPT: Mutex<Option<OwnedFd>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let socket = kept.take().map_or_else(|| netlink::open(SockProtocol::NetlinkNetFilter), Ok)?;
    deliver_by(&socket, messages)?;
    *kept = Some(socket);
    Ok(())
}

fn change(
    kind: u16,
    told: &str,
    table: &str,
    redirections: &[Redirection],
    deliver: impl Fn(&[(u16, Vec<u8>)]) -> nix::Result<()>,
) -> Result<()> {
    let messages = messages(kind, table, redirections);
    let args = || {
        let elements: Vec<String> = redirections.iter().map(ToString::to_string).collect();
        format!("NETLINK_NETFILTER, {{{told} {table:?} {{{}}}}}", elements.join(", "))
    };
    if messages.is_empty() { Ok(()) } else { call("sendto", args, || deliver(&messages)) }
}
