//! Network interfaces.

use std::os::fd::AsFd;
use std::time::Instant;

use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::record::{flag_names, note};
use super::{Result, raw};

/// `ioctl(SIOCSIFFLAGS)`: bring the loopback interface of this network namespace up.
/// <https://man7.org/linux/man-pages/man7/netdevice.7.html>
pub fn loopback_up() -> Result<()> {
    let started = Instant::now();
    let up = || {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        raw::interface_up(socket.as_fd(), c"lo")
    };
    let result = up();
    // The flags are read first, and IFF_UP is added to them.
    let flags = result.map_or(InterfaceFlags::IFF_UP, |flags| InterfaceFlags::from_bits_retain(flags.into()));
    let args = || format!("SIOCSIFFLAGS, {{ifr_name=\"lo\", ifr_flags={}}}", flag_names(&flags));
    note("ioctl", args, started.elapsed(), result.map(drop))
}
