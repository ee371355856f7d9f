//! The kernel's packet filter, spoken to as the program `nft` does it: by messages over netlink.
//! <https://man7.org/linux/man-pages/man7/netlink.7.html>

mod nat;
mod redirect;
mod table;

use nix::sys::socket::SockProtocol;

use super::Result;
use super::netlink::{self, NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute};
use super::record::call;

pub use nat::{Protocol, Rule, masquerade, publish, rules};
pub use redirect::{Key, Redirection, add_redirections, remove_redirections};
pub use table::{Action, Hook, Match, TableRule, delete_table, replace_table};

// The numbers of linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h.
const NFNL_MSG_BATCH_BEGIN: u16 = 16;
const NFNL_MSG_BATCH_END: u16 = 17;
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFT_MSG_NEWTABLE: u16 = NFNL_SUBSYS_NFTABLES << 8;
const NFT_MSG_NEWCHAIN: u16 = (NFNL_SUBSYS_NFTABLES << 8) | 3;
const NFPROTO_UNSPEC: u8 = 0;
const NFPROTO_IPV4: u8 = 2;
const NF_INET_LOCAL_OUT: u32 = 3;
const NF_DROP: u32 = 0;

/// Every packet that this network namespace sends is dropped: a table, and in it a chain at the hook "output"
/// whose policy says so. `nft 'add table T; add chain T output { type filter hook output priority 0; policy
/// drop; }'` sends the same.
pub fn drop_output(table: &str) -> Result<()> {
    let args = || {
        format!("NETLINK_NETFILTER, {{NFT_MSG_NEWTABLE {table:?}, NFT_MSG_NEWCHAIN \"output\" policy drop}}")
    };
    call("sendto", args, || netlink::deliver(SockProtocol::NetlinkNetFilter, &batch(table), 2))
}

fn batch(table: &str) -> Vec<u8> {
    let table = format!("{table}\0");
    // NFTA_TABLE_NAME
    let new_table = attribute(1, table.as_bytes());
    // NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK with NFTA_HOOK_HOOKNUM and NFTA_HOOK_PRIORITY,
    // NFTA_CHAIN_POLICY
    let hook = [attribute(1, &NF_INET_LOCAL_OUT.to_be_bytes()), attribute(2, &0u32.to_be_bytes())].concat();
    let new_chain = [
        attribute(1, table.as_bytes()),
        attribute(3, b"output\0"),
        attribute(4 | NLA_F_NESTED, &hook),
        attribute(5, &NF_DROP.to_be_bytes()),
    ]
    .concat();
    in_batch(&[(NFT_MSG_NEWTABLE, new_table), (NFT_MSG_NEWCHAIN, new_chain)])
}

/// All of these messages, or none of them.
fn in_batch(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
    batch_of(messages, |_| NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK)
}

/// The same with flags for each.
fn batch_of(messages: &[(u16, Vec<u8>)], flags: impl Fn(usize) -> u16) -> Vec<u8> {
    let limit = |kind| message(kind, NLM_F_REQUEST, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES, &[]);
    let inside = messages.iter().enumerate();
    let inside = inside.flat_map(|(at, (kind, content))| message(*kind, flags(at), NFPROTO_IPV4, 0, content));
    [limit(NFNL_MSG_BATCH_BEGIN), inside.collect(), limit(NFNL_MSG_BATCH_END)].concat()
}

/// The name of an interface as rules have it: with zeros up to its greatest length. Of one with a star at its end only
/// the beginning counts.
fn name_of_interface(interface: &str) -> Vec<u8> {
    const IFNAMSIZ: usize = 16;
    if let Some(beginning) = interface.strip_suffix('*') {
        return beginning.into();
    }
    let mut name = interface.as_bytes().to_vec();
    name.resize(IFNAMSIZ, 0);
    name
}

/// A netlink header, that of nfnetlink, and the attributes.
fn message(kind: u16, flags: u16, family: u8, resource: u16, attributes: &[u8]) -> Vec<u8> {
    const NFNETLINK_V0: u8 = 0;
    let [high, low] = resource.to_be_bytes();
    netlink::message(kind, flags, &[&[family, NFNETLINK_V0, high, low], attributes].concat())
}
