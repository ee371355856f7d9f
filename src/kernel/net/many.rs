//! Many datagrams in one call.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

use nix::sys::socket::{self, MsgFlags, MultiHeaders, SockaddrIn, sockopt};

use super::{Result, SocketAddrV4, await_packet};
use crate::kernel::Error;
use crate::kernel::record::{call, note};

/// More than this many the kernel does not take at once: `UIO_MAXIOV`.
const AT_ONCE: usize = 1024;
/// The longest datagram that is received whole.
const LENGTH: usize = 128;

/// `sendmmsg(2)`: the same content to each of these addresses. How many were sent.
/// <https://man7.org/linux/man-pages/man2/sendmmsg.2.html>
pub fn sendmmsg(fd: BorrowedFd, content: &str, to: &[SocketAddrV4]) -> Result<usize> {
    let to = &to[..to.len().min(AT_ONCE)];
    let args = || match to {
        [] => format!("{}, [], 0", fd.as_raw_fd()),
        [first, ..] => format!("{}, [{{AF_INET, {first}}}, …], {}", fd.as_raw_fd(), to.len()),
    };
    let addresses: Vec<Option<SockaddrIn>> = to.iter().map(|address| Some((*address).into())).collect();
    let slices = vec![[IoSlice::new(content.as_bytes())]; to.len()];
    let mut headers = MultiHeaders::preallocate(to.len(), None);
    let make = || {
        let sent = socket::sendmmsg(fd.as_raw_fd(), &mut headers, &slices, addresses, [], MsgFlags::empty())?;
        Ok(sent.count())
    };
    call("sendmmsg", args, make)
}

/// `recvmmsg(2)`: those datagrams that are there, `most` of them, each with whom it is from. One at least is waited for, but
/// not for ever: `EAGAIN`.
/// <https://man7.org/linux/man-pages/man2/recvmmsg.2.html>
pub fn recvmmsg(fd: BorrowedFd, most: usize) -> Result<Vec<(String, SocketAddrV4)>> {
    let most = most.clamp(1, AT_ONCE);
    let started = Instant::now();
    let mut buffers = vec![[0; LENGTH]; most];
    let received = await_packet(fd).and_then(|()| receive(fd, &mut buffers));
    let args = || format!("{}, {most}, MSG_DONTWAIT", fd.as_raw_fd());
    note("recvmmsg", args, started.elapsed(), received.as_ref().map(Vec::len).map_err(|errno| *errno))?;
    let received = received.map_err(|errno| Error { call: "recvmmsg", args: args(), errno })?;
    let datagrams = received.into_iter().zip(&buffers).filter_map(|((length, from), buffer)| {
        Some((String::from_utf8_lossy(&buffer[..length]).into_owned(), SocketAddrV4::from(from?)))
    });
    Ok(datagrams.collect())
}

/// How long each is, and whom it is from.
fn receive(fd: BorrowedFd, buffers: &mut [[u8; LENGTH]]) -> nix::Result<Vec<(usize, Option<SockaddrIn>)>> {
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(buffers.len(), None);
    let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let flags = MsgFlags::MSG_DONTWAIT;
    let received = socket::recvmmsg(fd.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
    Ok(received.map(|datagram| (datagram.bytes, datagram.address)).collect())
}

/// `setsockopt(SO_RCVBUF)`: how many bytes of datagrams may wait. The kernel doubles it, and gives no more than
/// `net.core.rmem_max`.
/// <https://man7.org/linux/man-pages/man7/socket.7.html>
pub fn let_wait(fd: BorrowedFd, bytes: usize) -> Result<()> {
    let args = || format!("{}, SOL_SOCKET, SO_RCVBUF, {bytes}", fd.as_raw_fd());
    call("setsockopt", args, || socket::setsockopt(&fd, sockopt::RcvBuf, &bytes))
}
