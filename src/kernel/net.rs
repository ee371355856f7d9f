//! Network interfaces.

use std::os::fd::AsFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::record::call;
use super::{Result, raw};

/// `ioctl(SIOCSIFFLAGS)`: bring the loopback interface of this network namespace up.
/// <https://man7.org/linux/man-pages/man7/netdevice.7.html>
pub fn loopback_up() -> Result<()> {
    call(
        "ioctl",
        || "SIOCSIFFLAGS, {ifr_name=\"lo\", ifr_flags=IFF_UP}".into(),
        || {
            let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
            raw::interface_up(socket.as_fd(), c"lo")
        },
    )
}
