//! What the second host and the two containers do. Between their phases the first host acts.

use std::os::fd::{AsFd, OwnedFd};

use super::{CABLE, FIRST, FIRST_HOST, ID, MTU, SECOND_HOST, SECOND_MAC, WRAPPING};
use crate::kernel::Pid;
use crate::kernel::link::{End, add_address, add_vxlan, set_mtu, set_up};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, bind, datagram_socket, everywhere, recvfrom, sendto};
use crate::probe::net::{carrier, link};
use crate::stage::{Result, Stage};

/// Where the containers listen.
const PORT: u16 = 7000;

/// The headers of IP and UDP.
const HEADERS: usize = 20 + 8;

pub(super) fn host(inside: &mut Stage, container: Pid) -> Result<()> {
    inside.hold()?;
    add_address(CABLE, SECOND_HOST, 24)?;
    set_up(CABLE)?;
    inside.backstage(|| carrier(CABLE))?;
    let end = End { name: "eth0", mac: SECOND_MAC, inside: Some(container) };
    add_vxlan(&end, ID, SECOND_HOST, FIRST_HOST)?;
    inside.hold()
}

pub(super) fn container(inside: &mut Stage, own: Ipv4Addr, other: Ipv4Addr) -> Result<()> {
    inside.hold()?;
    add_address("eth0", own, 24)?;
    set_up("eth0")?;
    let socket = datagram_socket()?;
    bind(socket.as_fd(), everywhere(PORT))?;
    inside.hold()?;

    pass(inside, own, other, &socket, "hello")?;
    let mtu = link("eth0")?.mtu;
    inside.check("eth0 takes packets of").expect(MTU).saw((mtu, "RTM_GETLINK eth0"))?;
    pass(inside, own, other, &socket, &"x".repeat(mtu as usize - HEADERS))?;

    let narrower = MTU - WRAPPING as u32;
    set_mtu("eth0", narrower)?;
    pass(inside, own, other, &socket, &"x".repeat(narrower as usize - HEADERS))
}

/// The first container sends, and the second one receives.
fn pass(inside: &mut Stage, own: Ipv4Addr, other: Ipv4Addr, socket: &OwnedFd, text: &str) -> Result<()> {
    if own == FIRST {
        unless_long(inside, text, || sendto(socket.as_fd(), text, SocketAddrV4::new(other, PORT)))?;
    } else {
        let (received, _) = unless_long(inside, text, || recvfrom(socket.as_fd()))?;
        inside.check("it has arrived").expect(text.len()).saw((received.len(), "recvfrom()"))?;
    }
    inside.hold()
}

/// A thousand times the same letter is nothing to be read.
fn unless_long<T>(inside: &Stage, text: &str, work: impl FnOnce() -> T) -> T {
    if text.len() < 100 { work() } else { inside.backstage(work) }
}
