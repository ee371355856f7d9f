//! What those on the segment do. Between their phases the host and the others act.

use std::os::fd::{AsFd, OwnedFd};

use crate::kernel::Pid;
use crate::kernel::link::{End, Mac, add_address, set_up};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, bind, datagram_socket, everywhere, recvfrom, sendto};
use crate::probe::net::carrier;
use crate::stage::{Result, Stage};

/// Where each of them listens.
pub(super) const PORT: u16 = 7000;

/// Somebody on the segment.
#[derive(Clone, Copy)]
pub(super) struct Party {
    pub(super) name: &'static str,
    /// The last byte of its addresses.
    pub(super) number: u8,
}

impl Party {
    pub(super) const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number)
    }

    pub(super) const fn mac(self) -> Mac {
        Mac([2, 0x42, 192, 0, 2, self.number])
    }

    /// Its interface.
    pub(super) fn end(self, inside: Pid) -> End<'static> {
        End { name: "eth0", mac: self.mac(), inside: Some(inside) }
    }
}

/// Get an address, and listen.
fn settle(inside: &mut Stage, own: Party) -> Result<OwnedFd> {
    inside.hold()?;
    set_up("eth0")?;
    add_address("eth0", own.address(), 24)?;
    inside.backstage(|| carrier("eth0"))?;
    let socket = datagram_socket()?;
    bind(socket.as_fd(), everywhere(PORT))?;
    inside.hold()?;
    Ok(socket)
}

pub(super) fn sends(inside: &mut Stage, own: Party, to: &[Party]) -> Result<()> {
    let socket = settle(inside, own)?;
    for party in to {
        sendto(socket.as_fd(), &format!("hello, {}", party.name), SocketAddrV4::new(party.address(), PORT))?;
        inside.hold()?;
    }
    Ok(())
}

pub(super) fn receives(inside: &mut Stage, own: Party) -> Result<()> {
    let socket = settle(inside, own)?;
    let (text, _) = recvfrom(socket.as_fd())?;
    let claim = format!("{} has received it", own.name);
    inside.check(claim).expect(format!("hello, {}", own.name)).saw((text, "recvfrom()"))?;
    inside.hold()
}
