//! Frames as they pass an interface, whoever they are for: what the program `tcpdump` reads.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, socket};

use super::net::await_packet;
use super::record::call;
use super::{Error, Result};

/// What passes one interface, from the moment at which this was made.
pub struct Capture {
    socket: OwnedFd,
    name: String,
    index: usize,
}

/// `socket(AF_PACKET)`: from here on the kernel keeps a copy of each frame that is sent or received.
/// <https://man7.org/linux/man-pages/man7/packet.7.html>
pub fn capture(name: &str) -> Result<Capture> {
    let args = || "AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, htons(ETH_P_ALL)".into();
    let socket = call("socket", args, || {
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
    })?;
    let refused = |errno| Error { call: "if_nametoindex", args: format!("{name:?}"), errno };
    let index = if_nametoindex(name).map_err(refused)? as usize;
    Ok(Capture { socket, name: name.into(), index })
}

impl Capture {
    /// The interface that it is about.
    pub fn interface(&self) -> &str {
        &self.name
    }

    /// The next frame, byte by byte. One that does not come is `EAGAIN`.
    /// <https://man7.org/linux/man-pages/man2/recv.2.html>
    pub fn next_frame(&self) -> Result<Vec<u8>> {
        let receive = || loop {
            await_packet(self.socket.as_fd())?;
            let mut buffer = vec![0; 64 * 1024];
            let (length, from) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer)?;
            if from.is_some_and(|from| from.ifindex() == self.index) {
                buffer.truncate(length);
                return Ok(buffer);
            }
        };
        receive().map_err(|errno| Error { call: "recvfrom", args: format!("frames of {}", self.name), errno })
    }
}
