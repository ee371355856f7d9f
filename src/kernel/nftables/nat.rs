//! Address translation: rules that change where a packet comes from, or where it goes.
//!
//! A rule is a program of small steps that hand values on in registers. The addresses of the first packet decide;
//! the kernel remembers the connection, and does the same to its other packets, and the reverse to the answers.

use std::net::SocketAddrV4;

use nix::sys::socket::SockProtocol;

use super::super::netlink::{self, attributes};
use super::super::{Error, Result, record::call};
use super::{
    NFNL_SUBSYS_NFTABLES, NFPROTO_IPV4, NFT_MSG_NEWCHAIN, NFT_MSG_NEWTABLE, NLA_F_NESTED, attribute,
    in_batch, name_of_interface,
};

// The numbers of linux/netfilter.h and linux/netfilter/nf_tables.h.
pub(super) const NFT_MSG_NEWRULE: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 6;
const NFT_MSG_GETRULE: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 7;
const NF_INET_PRE_ROUTING: u32 = 0;
const NF_INET_POST_ROUTING: u32 = 4;
const NF_IP_PRI_NAT_DST: i32 = -100;
const NF_IP_PRI_NAT_SRC: i32 = 100;
pub(super) const NFT_REG_1: u32 = 1;
const NFT_REG_2: u32 = 2;
const NFT_META_OIFNAME: u32 = 7;
pub(super) const NFT_META_L4PROTO: u32 = 16;
const NFT_CMP_EQ: u32 = 0;
pub(super) const NFT_PAYLOAD_TRANSPORT_HEADER: u32 = 2;
pub(super) const NFT_NAT_DNAT: u32 = 1;

/// What leaves by this interface gets its address as the sender. `nft 'add table T; add chain T postrouting { type nat
/// hook postrouting priority srcnat; }; add rule T postrouting oifname I masquerade'` sends the same.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn masquerade(table: &str, interface: &str) -> Result<()> {
    let name = name_of_interface(interface);
    let rule = [
        step("meta", &[number(1, NFT_REG_1), number(2, NFT_META_OIFNAME)]),
        equals(&name),
        step("masq", &[]),
    ];
    let told = format!("oifname {interface:?} masquerade");
    let chain = Chain { name: "postrouting", hook: NF_INET_POST_ROUTING, priority: NF_IP_PRI_NAT_SRC };
    add(table, &chain, &rule, &told)
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Single packets.
    Udp,
}

impl Protocol {
    /// Its number in a packet of IP.
    pub(super) fn number(self) -> u8 {
        self.number_and_word().0
    }

    /// The same, and the word that nft has for it.
    fn number_and_word(self) -> (u8, &'static str) {
        match self {
            Protocol::Tcp => (6, "tcp"),
            Protocol::Udp => (17, "udp"),
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.number_and_word().1)
    }
}

/// What comes for this port goes to another address. `nft 'add table T; add chain T prerouting { type nat hook
/// prerouting priority dstnat; }; add rule T prerouting udp dport P dnat to A'` sends the same.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn publish(table: &str, protocol: Protocol, port: u16, to: SocketAddrV4) -> Result<()> {
    let rule = [transport(protocol, port), translate(to)];
    let told = format!("{protocol} dport {port} dnat to {to}");
    let chain = Chain { name: "prerouting", hook: NF_INET_PRE_ROUTING, priority: NF_IP_PRI_NAT_DST };
    add(table, &chain, &rule, &told)
}

/// Go on if the packet is for this port.
fn transport(protocol: Protocol, port: u16) -> Vec<u8> {
    const DPORT_OFFSET: u32 = 2;
    const DPORT_LENGTH: u32 = 2;
    let place = [number(2, NFT_PAYLOAD_TRANSPORT_HEADER), number(3, DPORT_OFFSET), number(4, DPORT_LENGTH)];
    [
        step("meta", &[number(1, NFT_REG_1), number(2, NFT_META_L4PROTO)]),
        equals(&[protocol.number()]),
        step("payload", &[number(1, NFT_REG_1), place.concat()]),
        equals(&port.to_be_bytes()),
    ]
    .concat()
}

/// Change where the packet goes.
fn translate(to: SocketAddrV4) -> Vec<u8> {
    let what = [number(1, NFT_NAT_DNAT), number(2, NFPROTO_IPV4.into())];
    let to_what = [number(3, NFT_REG_1), number(5, NFT_REG_2)];
    [
        step("immediate", &[number(1, NFT_REG_1), data(2, &to.ip().octets())]),
        step("immediate", &[number(1, NFT_REG_2), data(2, &to.port().to_be_bytes())]),
        step("nat", &[what.concat(), to_what.concat()]),
    ]
    .concat()
}

/// The bits that the addresses of a network have in common.
pub(super) fn prefix_mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

/// A chain of type "nat", and where on a packet's way it is asked.
struct Chain {
    name: &'static str,
    hook: u32,
    priority: i32,
}

fn add(table: &str, chain: &Chain, rule: &[Vec<u8>], told: &str) -> Result<()> {
    let (table_name, name) = (format!("{table}\0"), format!("{}\0", chain.name));
    // NFTA_CHAIN_HOOK with NFTA_HOOK_HOOKNUM and NFTA_HOOK_PRIORITY
    let hook = [number(1, chain.hook), attribute(2, &chain.priority.to_be_bytes())].concat();
    // NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE
    let new_chain = [
        attribute(1, table_name.as_bytes()),
        attribute(3, name.as_bytes()),
        attribute(4 | NLA_F_NESTED, &hook),
        attribute(7, b"nat\0"),
    ];
    // NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS
    let new_rule = [
        attribute(1, table_name.as_bytes()),
        attribute(2, name.as_bytes()),
        attribute(4 | NLA_F_NESTED, &rule.concat()),
    ];
    let messages = [
        (NFT_MSG_NEWTABLE, attribute(1, table_name.as_bytes())),
        (NFT_MSG_NEWCHAIN, new_chain.concat()),
        (NFT_MSG_NEWRULE, new_rule.concat()),
    ];
    let args = || {
        format!(
            "NETLINK_NETFILTER, {{NFT_MSG_NEWTABLE {table:?}, NFT_MSG_NEWCHAIN {:?} type nat, NFT_MSG_NEWRULE {told}}}",
            chain.name
        )
    };
    call("sendto", args, || {
        netlink::deliver(SockProtocol::NetlinkNetFilter, &in_batch(&messages), messages.len())
    })
}

/// An expression: NFTA_LIST_ELEM with NFTA_EXPR_NAME and NFTA_EXPR_DATA.
pub(super) fn step(name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let named = attribute(1, format!("{name}\0").as_bytes());
    attribute(1 | NLA_F_NESTED, &[named, attribute(2 | NLA_F_NESTED, &parts.concat())].concat())
}

/// Go on if the first register holds this.
fn equals(content: &[u8]) -> Vec<u8> {
    step("cmp", &[number(1, NFT_REG_1), number(2, NFT_CMP_EQ), data(3, content)])
}

pub(super) fn number(kind: u16, number: u32) -> Vec<u8> {
    attribute(kind, &number.to_be_bytes())
}

/// NFTA_DATA_VALUE inside.
pub(super) fn data(kind: u16, content: &[u8]) -> Vec<u8> {
    attribute(kind | NLA_F_NESTED, &attribute(1, content))
}

/// A rule as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The chain that it is in.
    pub chain: String,
    /// The names of its steps.
    pub steps: Vec<String>,
}

/// `NFT_MSG_GETRULE`: all rules for IP version 4 in this network namespace.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn rules() -> Result<Vec<Rule>> {
    let header = [NFPROTO_IPV4, 0, 0, 0];
    let answer = netlink::dump(SockProtocol::NetlinkNetFilter, NFT_MSG_GETRULE, &header);
    let args = || "NETLINK_NETFILTER, {NFT_MSG_GETRULE}".into();
    let messages = answer.map_err(|errno| Error { call: "sendto", args: args(), errno })?;
    let rule = |message: &Vec<u8>| {
        let fields = attributes(message.get(header.len()..)?);
        let of = |kind| fields.iter().find(|(found, _)| *found == kind).map(|(_, content)| *content);
        let steps = attributes(of(4).unwrap_or_default());
        let name = |step: &[u8]| attributes(step).first().map(|(_, name)| text(name));
        Some(Rule { chain: text(of(2)?), steps: steps.iter().filter_map(|(_, step)| name(step)).collect() })
    };
    Ok(messages.iter().filter_map(rule).collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').into()
}
