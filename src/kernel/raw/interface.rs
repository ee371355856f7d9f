//! Requests about network interfaces, as `ioctl` takes them.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// A request about this interface, and nothing else in it yet.
fn about(name: &CStr) -> nix::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let bytes = name.to_bytes();
    if bytes.len() >= request.ifr_name.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    Ok(request)
}

/// `ioctl(SIOCGIFFLAGS)` and `ioctl(SIOCSIFFLAGS)`: add `IFF_UP` to the flags of a network interface. Returns
/// all the flags that it was asked to set, and whether it did.
/// <https://man7.org/linux/man-pages/man7/netdevice.7.html>
pub(crate) fn interface_up(socket: BorrowedFd, name: &CStr) -> nix::Result<(i16, nix::Result<()>)> {
    // The C libraries do not agree on the type of a request.
    const GET_FLAGS: libc::Ioctl = libc::SIOCGIFFLAGS as libc::Ioctl;
    const SET_FLAGS: libc::Ioctl = libc::SIOCSIFFLAGS as libc::Ioctl;
    let mut request = about(name)?;
    // SAFETY: the kernel reads the name from `request` and writes the flags into it.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), GET_FLAGS, &raw mut request) })?;
    // SAFETY: the call before filled in exactly this member of the union.
    unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as i16 };
    // SAFETY: the kernel reads name and flags from `request`.
    let set = Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), SET_FLAGS, &raw const request) });
    // SAFETY: the same member as before.
    Ok((unsafe { request.ifr_ifru.ifru_flags }, set.map(drop)))
}

/// `ioctl(SIOCETHTOOL)` with `ETHTOOL_GLINK`: whether an interface has somebody at its other end.
/// <https://docs.kernel.org/networking/ethtool-netlink.html>
pub(crate) fn has_carrier(socket: BorrowedFd, name: &CStr) -> nix::Result<bool> {
    const REQUEST: libc::Ioctl = libc::SIOCETHTOOL as libc::Ioctl;
    const ETHTOOL_GLINK: u32 = 0x0a;
    // A `struct ethtool_value`: the command, and where its answer goes.
    let mut value = [ETHTOOL_GLINK, 0];
    let mut request = about(name)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the kernel reads the name from `request`, and writes the answer to `value`, which is a whole ethtool_value.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), REQUEST, &raw mut request) })?;
    Ok(value[1] != 0)
}
