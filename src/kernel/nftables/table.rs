//! A whole table of rules, exchanged for another in one piece: no packet meets half of it.

use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use nix::sys::socket::SockProtocol;

use super::super::netlink::{self, NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute};
use super::super::record::call;
use super::super::{Errno, Result};
use super::nat::{NFT_MSG_NEWRULE, NFT_REG_1, data, number, prefix_mask, step};
use super::redirect::{Key, Redirection, maps};
use super::{NF_DROP, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWCHAIN, NFT_MSG_NEWTABLE, batch_of, name_of_interface};

// The numbers of linux/netfilter/nf_tables.h and its neighbours.
const NFT_MSG_DELTABLE: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 2;
const NLM_F_APPEND: u16 = 0x800;
const NFT_REG_VERDICT: u32 = 0;
const NFT_META_IIFNAME: u32 = 6;
const NFT_META_OIFNAME: u32 = 7;
const NFT_CMP_EQ: u32 = 0;
const NFT_CMP_NEQ: u32 = 1;
pub(super) const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_FIB_RESULT_ADDRTYPE: u32 = 3;
const NFTA_FIB_F_DADDR: u32 = 1 << 1;
const RTN_LOCAL: u32 = 2;
const NFT_CT_STATE: u32 = 0;
const NFT_CT_STATUS: u32 = 2;
/// `established` and `related`.
const KNOWN: u32 = 2 | 4;
const IPS_DST_NAT: u32 = 1 << 5;

/// What a packet has to be for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It came in by this interface.
    In(String),
    /// It came in by another.
    NotIn(String),
    /// It goes out by this interface.
    Out(String),
    /// It goes out by another.
    NotOut(String),
    /// It comes from a network.
    From(Ipv4Addr, u8),
    /// It goes to a network.
    To(Ipv4Addr, u8),
    /// It goes to another network.
    NotTo(Ipv4Addr, u8),
    /// It goes to an address of this machine.
    ToLocal,
    /// It belongs to no connection that is known already.
    New,
    /// A rule has changed where it goes.
    Redirected,
    /// No rule has.
    NotRedirected,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is dropped.
    Drop,
    /// The address of the interface by which it leaves becomes its sender.
    Masquerade,
    /// It goes where the table's map says, if that knows it.
    Redirect(Key),
}

/// Where on a packet's way a chain is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// It has come in, and nothing was done with it.
    Raw,
    /// It has come in: where is it to go?
    Prerouting,
    /// It was made here: where is it to go?
    Output,
    /// It passes through.
    Forward,
    /// It leaves: who sends it?
    Postrouting,
}

impl Hook {
    /// The name of the chain, its type, the number of the hook, and the priority there.
    fn parts(self) -> (&'static str, &'static str, u32, i32) {
        match self {
            Hook::Raw => ("raw", "filter", 0, -300),
            Hook::Prerouting => ("prerouting", "nat", 0, -100),
            Hook::Output => ("output", "nat", 3, -100),
            Hook::Forward => ("forward", "filter", 2, 0),
            Hook::Postrouting => ("postrouting", "nat", 4, 100),
        }
    }
}

/// A rule: whatever fits all of this, that is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRule {
    /// Where it is asked.
    pub hook: Hook,
    /// What a packet has to be.
    pub matches: Vec<Match>,
    /// What becomes of it.
    pub action: Action,
}

/// Exchange a table for one with these rules, in which each hook has a chain, and with these in its maps. `nft -f` sends
/// the same.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn replace_table(table: &str, rules: &[TableRule], redirections: &[Redirection]) -> Result<()> {
    let named = attribute(1, format!("{table}\0").as_bytes());
    let mut messages =
        vec![(NFT_MSG_NEWTABLE, named.clone()), (NFT_MSG_DELTABLE, named.clone()), (NFT_MSG_NEWTABLE, named)];
    if rules.iter().any(|rule| matches!(rule.action, Action::Redirect(_))) {
        messages.extend(maps(table, redirections));
    }
    let mut hooks: Vec<Hook> = vec![];
    for rule in rules {
        if !hooks.contains(&rule.hook) {
            hooks.push(rule.hook);
            messages.push((NFT_MSG_NEWCHAIN, new_chain(table, rule.hook)));
        }
    }
    messages.extend(rules.iter().map(|rule| (NFT_MSG_NEWRULE, new_rule(table, rule))));
    let args = || {
        let rules = rules.iter().map(|rule| format!("NFT_MSG_NEWRULE {rule}"));
        let elements = redirections.iter().map(|one| format!("NFT_MSG_NEWSETELEM {one}"));
        let told = rules.chain(elements).collect::<Vec<_>>().join(", ");
        format!("NETLINK_NETFILTER, {{NFT_MSG_NEWTABLE {table:?}, {told}}}")
    };
    call("sendto", args, || deliver(&messages))
}

/// Remove a table with all that is in it. That it is gone already is as good.
/// <https://man7.org/linux/man-pages/man8/nft.8.html>
pub fn delete_table(table: &str) -> Result<()> {
    let named = attribute(1, format!("{table}\0").as_bytes());
    let args = || format!("NETLINK_NETFILTER, {{NFT_MSG_DELTABLE {table:?}}}");
    call("sendto", args, || match deliver(&[(NFT_MSG_DELTABLE, named)]) {
        Err(Errno::ENOENT) => Ok(()),
        deleted => deleted,
    })
}

/// Only the last one is acknowledged: the answers to thousands would not fit into the socket. Errors come always, and
/// before.
pub(super) fn deliver(messages: &[(u16, Vec<u8>)]) -> nix::Result<()> {
    deliver_by(&netlink::open(SockProtocol::NetlinkNetFilter)?, messages)
}

/// The same by a socket that is open.
pub(super) fn deliver_by(socket: &OwnedFd, messages: &[(u16, Vec<u8>)]) -> nix::Result<()> {
    const WANTED: u16 = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND;
    let last = messages.len().saturating_sub(1);
    let flags = |at: usize| if at == last { WANTED | NLM_F_ACK } else { WANTED };
    netlink::deliver_by(socket, &batch_of(messages, flags), 1)
}

fn new_chain(table: &str, hook: Hook) -> Vec<u8> {
    let (name, kind, hooknum, priority) = hook.parts();
    // NFTA_CHAIN_HOOK with NFTA_HOOK_HOOKNUM and NFTA_HOOK_PRIORITY
    let place = [number(1, hooknum), attribute(2, &priority.to_be_bytes())].concat();
    // NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE
    [
        attribute(1, format!("{table}\0").as_bytes()),
        attribute(3, format!("{name}\0").as_bytes()),
        attribute(4 | NLA_F_NESTED, &place),
        attribute(7, format!("{kind}\0").as_bytes()),
    ]
    .concat()
}

fn new_rule(table: &str, rule: &TableRule) -> Vec<u8> {
    let steps: Vec<u8> = rule.matches.iter().flat_map(Match::steps).chain(rule.action.steps()).collect();
    // NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS
    [
        attribute(1, format!("{table}\0").as_bytes()),
        attribute(2, format!("{}\0", rule.hook.parts().0).as_bytes()),
        attribute(4 | NLA_F_NESTED, &steps),
    ]
    .concat()
}

/// Go on if the first register holds this, or anything else.
fn compare(operator: u32, content: &[u8]) -> Vec<u8> {
    step("cmp", &[number(1, NFT_REG_1), number(2, operator), data(3, content)])
}

/// Keep these bits of the first register.
fn keep(mask: &[u8]) -> Vec<u8> {
    let length = mask.len() as u32;
    let none = vec![0; mask.len()];
    let registers = [number(1, NFT_REG_1), number(2, NFT_REG_1), number(3, length)];
    step("bitwise", &[registers.concat(), data(4, mask), data(5, &none)])
}

/// Registers hold numbers in the processor's own order.
fn connection(key: u32, bits: u32, operator: u32) -> Vec<u8> {
    let load = step("ct", &[number(1, NFT_REG_1), number(2, key)]);
    [load, keep(&bits.to_ne_bytes()), compare(operator, &[0; 4])].concat()
}

fn interface(key: u32, operator: u32, name: &str) -> Vec<u8> {
    let load = step("meta", &[number(1, NFT_REG_1), number(2, key)]);
    [load, compare(operator, &name_of_interface(name))].concat()
}

fn address(offset: u32, operator: u32, network: Ipv4Addr, prefix: u8) -> Vec<u8> {
    const LENGTH: u32 = 4;
    let place = [number(2, NFT_PAYLOAD_NETWORK_HEADER), number(3, offset), number(4, LENGTH)];
    let load = step("payload", &[number(1, NFT_REG_1), place.concat()]);
    let mask = prefix_mask(prefix);
    let wanted = (u32::from(network) & mask).to_be_bytes();
    [load, keep(&mask.to_be_bytes()), compare(operator, &wanted)].concat()
}

impl Match {
    fn steps(&self) -> Vec<u8> {
        const SOURCE: u32 = 12;
        const DESTINATION: u32 = 16;
        match self {
            Match::In(name) => interface(NFT_META_IIFNAME, NFT_CMP_EQ, name),
            Match::NotIn(name) => interface(NFT_META_IIFNAME, NFT_CMP_NEQ, name),
            Match::Out(name) => interface(NFT_META_OIFNAME, NFT_CMP_EQ, name),
            Match::NotOut(name) => interface(NFT_META_OIFNAME, NFT_CMP_NEQ, name),
            Match::From(network, prefix) => address(SOURCE, NFT_CMP_EQ, *network, *prefix),
            Match::To(network, prefix) => address(DESTINATION, NFT_CMP_EQ, *network, *prefix),
            Match::NotTo(network, prefix) => address(DESTINATION, NFT_CMP_NEQ, *network, *prefix),
            Match::ToLocal => {
                let what = [number(2, NFT_FIB_RESULT_ADDRTYPE), number(3, NFTA_FIB_F_DADDR)];
                let load = step("fib", &[number(1, NFT_REG_1), what.concat()]);
                [load, compare(NFT_CMP_EQ, &RTN_LOCAL.to_ne_bytes())].concat()
            }
            Match::New => connection(NFT_CT_STATE, KNOWN, NFT_CMP_EQ),
            Match::Redirected => connection(NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ),
            Match::NotRedirected => connection(NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ),
        }
    }
}

impl Action {
    fn steps(&self) -> Vec<u8> {
        match self {
            // NFTA_DATA_VERDICT with NFTA_VERDICT_CODE
            Action::Drop => {
                let verdict = attribute(2 | NLA_F_NESTED, &number(1, NF_DROP));
                let verdict = attribute(2 | NLA_F_NESTED, &verdict);
                step("immediate", &[number(1, NFT_REG_VERDICT), verdict])
            }
            Action::Masquerade => step("masq", &[]),
            Action::Redirect(key) => key.translate(),
        }
    }
}

impl fmt::Display for TableRule {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.hook.parts().0)?;
        for what in &self.matches {
            match what {
                Match::In(name) => write!(f, " iifname {name:?}")?,
                Match::NotIn(name) => write!(f, " iifname != {name:?}")?,
                Match::Out(name) => write!(f, " oifname {name:?}")?,
                Match::NotOut(name) => write!(f, " oifname != {name:?}")?,
                Match::From(network, prefix) => write!(f, " ip saddr {network}/{prefix}")?,
                Match::To(network, prefix) => write!(f, " ip daddr {network}/{prefix}")?,
                Match::NotTo(network, prefix) => write!(f, " ip daddr != {network}/{prefix}")?,
                Match::ToLocal => f.write_str(" fib daddr type local")?,
                Match::New => f.write_str(" ct state & (established | related) == 0")?,
                Match::Redirected => f.write_str(" ct status & dnat != 0")?,
                Match::NotRedirected => f.write_str(" ct status & dnat == 0")?,
            }
        }
        match self.action {
            Action::Drop => f.write_str(" drop"),
            Action::Masquerade => f.write_str(" masquerade"),
            Action::Redirect(key) => write!(f, " dnat to {key}"),
        }
    }
}
