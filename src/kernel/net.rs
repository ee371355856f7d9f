//! Network interfaces, and sockets of the internet protocols.

mod many;

pub use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::net::if_::InterfaceFlags;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{self, AddressFamily, Backlog, MsgFlags, SockFlag, SockType, SockaddrIn, socket};
use nix::sys::time::TimeVal;

use super::record::{call, flag_names, note, quoted};
use super::{Errno, Result, fs, raw};

pub use many::{let_wait, recvmmsg, sendmmsg};

/// `ioctl(SIOCSIFFLAGS)`: bring the loopback interface of this network namespace up.
/// <https://man7.org/linux/man-pages/man7/netdevice.7.html>
pub fn loopback_up() -> Result<()> {
    let started = Instant::now();
    let up = || {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        raw::interface_up(socket.as_fd(), c"lo")
    };
    // The flags are read first, and IFF_UP is added to them.
    let (flags, result) = match up() {
        Ok((flags, result)) => (InterfaceFlags::from_bits_retain(flags.into()), result),
        Err(errno) => (InterfaceFlags::IFF_UP, Err(errno)),
    };
    let args = || format!("SIOCSIFFLAGS, {{ifr_name=\"lo\", ifr_flags={}}}", flag_names(&flags));
    note("ioctl", args, started.elapsed(), result)
}

/// Let this network namespace pass on packets that are for others: what makes it a router.
/// <https://docs.kernel.org/networking/ip-sysctl.html>
pub fn forward_packets() -> Result<()> {
    fs::write(IP_FORWARD, "1")
}

/// Whether it does.
pub const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// A port on every address that this network namespace has.
pub fn everywhere(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

/// A port of this network namespace's own loopback address.
pub fn loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// `socket(2)` for connections, of TCP.
/// <https://man7.org/linux/man-pages/man2/socket.2.html>
pub fn stream_socket() -> Result<OwnedFd> {
    inet_socket(SockType::Stream, "SOCK_STREAM")
}

/// `socket(2)` for single packets, of UDP.
/// <https://man7.org/linux/man-pages/man2/socket.2.html>
pub fn datagram_socket() -> Result<OwnedFd> {
    inet_socket(SockType::Datagram, "SOCK_DGRAM")
}

fn inet_socket(kind: SockType, name: &str) -> Result<OwnedFd> {
    let args = || format!("AF_INET, {name}|SOCK_CLOEXEC, 0");
    call("socket", args, || socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None))
}

fn with_address(fd: BorrowedFd, address: SocketAddrV4) -> String {
    format!("{}, {{AF_INET, {address}}}", fd.as_raw_fd())
}

/// `bind(2)`: take an address for a socket.
/// <https://man7.org/linux/man-pages/man2/bind.2.html>
pub fn bind(fd: BorrowedFd, address: SocketAddrV4) -> Result<()> {
    let make = || socket::bind(fd.as_raw_fd(), &SockaddrIn::from(address));
    call("bind", || with_address(fd, address), make)
}

/// `listen(2)`: wait for connections, and let so many queue.
/// <https://man7.org/linux/man-pages/man2/listen.2.html>
pub fn listen(fd: BorrowedFd) -> Result<()> {
    const QUEUE: i32 = 8;
    call("listen", || format!("{}, {QUEUE}", fd.as_raw_fd()), || socket::listen(&fd, Backlog::new(QUEUE)?))
}

/// `connect(2)`.
/// <https://man7.org/linux/man-pages/man2/connect.2.html>
pub fn connect(fd: BorrowedFd, address: SocketAddrV4) -> Result<()> {
    let make = || socket::connect(fd.as_raw_fd(), &SockaddrIn::from(address));
    call("connect", || with_address(fd, address), make)
}

/// `setsockopt(SO_SNDTIMEO)`: how long `connect` waits; afterwards it answers EINPROGRESS.
/// <https://man7.org/linux/man-pages/man7/socket.7.html>
pub fn wait_at_most(fd: BorrowedFd, seconds: i64) -> Result<()> {
    let args = || format!("{}, SOL_SOCKET, SO_SNDTIMEO, {seconds} s", fd.as_raw_fd());
    call("setsockopt", args, || {
        socket::setsockopt(&fd, socket::sockopt::SendTimeout, &TimeVal::new(seconds, 0))
    })
}

/// `setsockopt(IP_RECVERR)`: a socket without connections is told, too, what became of its packets.
/// <https://man7.org/linux/man-pages/man7/ip.7.html>
pub fn report_errors(fd: BorrowedFd) -> Result<()> {
    let args = || format!("{}, SOL_IP, IP_RECVERR, 1", fd.as_raw_fd());
    call("setsockopt", args, || socket::setsockopt(&fd, socket::sockopt::Ipv4RecvErr, &true))
}

/// `sendto(2)`: one packet with this content.
/// <https://man7.org/linux/man-pages/man2/sendto.2.html>
pub fn sendto(fd: BorrowedFd, content: &str, address: SocketAddrV4) -> Result<()> {
    let args = || format!("{}, {}, {{AF_INET, {address}}}", fd.as_raw_fd(), quoted(content));
    let make =
        || socket::sendto(fd.as_raw_fd(), content.as_bytes(), &SockaddrIn::from(address), MsgFlags::empty());
    call("sendto", args, make).map(drop)
}

/// Wait for a packet that is on its way. One that takes half a minute does not come: `EAGAIN`.
pub(super) fn await_packet(fd: BorrowedFd) -> nix::Result<()> {
    const PATIENCE: u16 = 30_000;
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PATIENCE)? {
        0 => Err(Errno::EAGAIN),
        _ => Ok(()),
    }
}

/// `recvfrom(2)`: the next packet, and who has sent it. One that does not come is `EAGAIN`.
/// <https://man7.org/linux/man-pages/man2/recv.2.html>
pub fn recvfrom(fd: BorrowedFd) -> Result<(String, SocketAddrV4)> {
    let started = Instant::now();
    let receive = || {
        await_packet(fd)?;
        let mut buffer = [0; 2048];
        let (length, from) = socket::recvfrom::<SockaddrIn>(fd.as_raw_fd(), &mut buffer)?;
        let from = from.ok_or(Errno::EAFNOSUPPORT)?;
        Ok((String::from_utf8_lossy(&buffer[..length]).into_owned(), SocketAddrV4::from(from)))
    };
    let received = receive();
    let args = || match &received {
        Ok((content, from)) => {
            format!("{}, {}, {{AF_INET, {from}}}", fd.as_raw_fd(), quoted(content))
        }
        Err(_) => fd.as_raw_fd().to_string(),
    };
    let length = received.as_ref().map(|(content, _)| content.len()).map_err(|errno| *errno);
    note("recvfrom", args, started.elapsed(), length)?;
    received.map_err(|errno| super::Error { call: "recvfrom", args: fd.as_raw_fd().to_string(), errno })
}
