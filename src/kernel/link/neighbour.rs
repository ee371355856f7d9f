//! What a network namespace is told of its neighbours, so that it need not ask.

use std::net::Ipv4Addr;

use nix::sys::socket::SockProtocol;

use super::super::netlink::Value::{Address, Hardware};
use super::super::netlink::{
    Attribute, Mac, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, deliver, listed, message,
};
use super::super::record::call;
use super::{AF_INET, Result, index};

const RTM_NEWNEIGH: u16 = 28;
const NUD_PERMANENT: u16 = 0x80;

/// `RTM_NEWNEIGH` of each of these, in one call: the hardware address that an IP address has. The entries are permanent:
/// nobody is asked, and since Linux 5.0 they are not among those of which the kernel has a limit.
/// <https://man7.org/linux/man-pages/man8/ip-neighbour.8.html>
pub fn add_neighbours(name: &str, neighbours: &[(Ipv4Addr, Mac)]) -> Result<()> {
    let Some(((first, mac), last)) = neighbours.first().zip(neighbours.len().checked_sub(1)) else {
        return Ok(());
    };
    let interface = index(name)?;
    let attributes = |address: &Ipv4Addr, mac: &Mac| {
        [Attribute::new("NDA_DST", 1, Address(*address)), Attribute::new("NDA_LLADDR", 2, Hardware(*mac))]
    };
    // `struct ndmsg`. What goes wrong is answered in any case; of what goes well only the last is.
    let request = |(number, (address, mac)): (usize, &(Ipv4Addr, Mac))| {
        let header =
            [&[AF_INET, 0, 0, 0][..], &interface.to_ne_bytes(), &NUD_PERMANENT.to_ne_bytes(), &[0, 0]];
        let attributes = attributes(address, mac);
        let content = header.concat().into_iter().chain(attributes.iter().flat_map(Attribute::encoded));
        let ack = if number == last { NLM_F_ACK } else { 0 };
        message(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | ack, &content.collect::<Vec<u8>>())
    };
    let messages: Vec<u8> = neighbours.iter().enumerate().flat_map(request).collect();
    let args = || {
        let told = format!("ndm_ifindex=if_nametoindex(\"{name}\"), ndm_state=NUD_PERMANENT");
        let first = listed(&attributes(first, mac));
        format!("NETLINK_ROUTE, [{{RTM_NEWNEIGH, {told}, {first}}}, …], {}", neighbours.len())
    };
    call("sendto", args, || deliver(SockProtocol::NetlinkRoute, &messages, 1))
}
