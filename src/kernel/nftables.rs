//! The kernel's packet filter, spoken to as the program `nft` does it: by messages over netlink.
//! <https://man7.org/linux/man-pages/man7/netlink.7.html>

use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};

use super::record::call;
use super::{Errno, Result};

// The numbers of linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h.
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_CREATE: u16 = 0x400;
const NLA_F_NESTED: u16 = 0x8000;
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
    call("sendto", args, || deliver(&batch(table), 2))
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
    let wanted = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
    [
        message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES, &[]),
        message(NFT_MSG_NEWTABLE, wanted, NFPROTO_IPV4, 0, &new_table),
        message(NFT_MSG_NEWCHAIN, wanted, NFPROTO_IPV4, 0, &new_chain),
        message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES, &[]),
    ]
    .concat()
}

/// A netlink header, that of nfnetlink, and the attributes.
fn message(kind: u16, flags: u16, family: u8, resource: u16, attributes: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 16 + 4;
    let mut message = Vec::from(((HEADERS + attributes.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence number and sender, for whoever has several requests under way
    message.extend([family, 0]);
    message.extend(resource.to_be_bytes());
    message.extend(attributes);
    message
}

/// Length, kind, content, and zeros up to a multiple of four.
fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = 4 + content.len();
    let mut attribute = Vec::from((length as u16).to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(content);
    attribute.resize(length.next_multiple_of(4), 0);
    attribute
}

/// Send the messages, and read so many answers; the first that is an error is the result.
fn deliver(messages: &[u8], mut answers: usize) -> nix::Result<()> {
    let (family, protocol) = (AddressFamily::Netlink, SockProtocol::NetlinkNetFilter);
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    send(socket.as_raw_fd(), messages, MsgFlags::empty())?;
    let mut buffer = [0; 8192];
    while answers > 0 {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..length];
        while let Some((errno, next)) = answer(rest) {
            if errno != 0 {
                return Err(Errno::from_raw(errno));
            }
            answers = answers.saturating_sub(1);
            rest = next;
        }
    }
    Ok(())
}

/// The errno in the first answer (0 is success), and what comes after it.
fn answer(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(bytes.get(16..20)?.try_into().ok()?);
    let errno = if kind == NLMSG_ERROR { -code } else { 0 };
    Some((errno, bytes.get(length.max(20).next_multiple_of(4)..).unwrap_or_default()))
}
