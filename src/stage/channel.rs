//! The line between a lesson's processes and the director.
//!
//! ```text
//! lane                                director
//!  │  Message (one packet) ─────────────▶ │  show it, or ask the learner
//!  │ ◀───────────── Answer (one packet)   │
//! ```
//! Every message is answered before its sender goes on. So the order on the screen is the order in which
//! things were done, and a pause inside of a container is just a slow answer. Each lane has a socket pair
//! of its own, whose other end its maker passes to the director (`SCM_RIGHTS`); the kernel adds the
//! sender's pid as the director sees it (`SCM_CREDENTIALS`), which inside of a namespace nobody knows.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixCredentials,
    recvmsg, sendmsg, setsockopt, socketpair, sockopt,
};
use serde::{Deserialize, Serialize};

use crate::event::{Body, Call};

/// Longer texts are cut by the sender: a packet has to fit into the socket's buffer.
const PACKET: usize = 128 * 1024;

/// What a lane tells the director.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The first word of a process: from here on the director knows its pid, and the ledger has it.
    Here,
    /// Show this.
    Show(Body),
    /// Show this, which another machine may not say.
    Aside(Body),
    /// A call that does not return if it succeeds: show it when this lane's end is closed by it.
    Departing(Call),
    /// Ask the learner.
    Predict { question: String, choices: Vec<String> },
    /// Wait for the learner.
    Pause { reason: String },
    /// A new lane; the director's end of its channel comes along. One that is made backstage is not announced.
    Lane { name: String, backstage: bool },
}

/// What the director answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Go on.
    Go,
    /// What the learner predicted, if anything.
    Choice(Option<usize>),
    /// Go on, but let the next check fail: how the tests see that nothing is left then either.
    Fault,
}

/// One end of the line.
#[derive(Debug)]
pub(crate) struct Channel {
    fd: OwnedFd,
}

/// A packet as the director gets it.
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) pid: i32,
    pub(crate) passed: Option<OwnedFd>,
}

impl Channel {
    /// Both ends: the lane's and the director's.
    pub(crate) fn pair() -> io::Result<(Channel, Channel)> {
        let (lane, director) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        setsockopt(&director, sockopt::PassCred, &true)?;
        Ok((Channel { fd: lane }, Channel { fd: director }))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.fd.as_fd()
    }

    /// For a lane: say something and wait for the answer. An error means that the director is gone.
    pub(crate) fn ask(&self, message: &Message, pass: Option<&Channel>) -> io::Result<Answer> {
        let bytes = serde_json::to_vec(message)?;
        let fds: Vec<RawFd> = pass.iter().map(|channel| channel.fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &[] } else { &rights[..] };
        sendmsg::<()>(self.fd.as_raw_fd(), &[IoSlice::new(&bytes)], control, MsgFlags::MSG_NOSIGNAL, None)?;
        let mut buffer = [0; 256];
        let length = retry(|| nix::sys::socket::recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()))?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&buffer[..length])?)
    }

    /// For the director: the next packet; `None` when the lane has ended or become another program.
    pub(crate) fn receive(&self) -> io::Result<Option<Received>> {
        let mut buffer = vec![0; PACKET];
        let mut space = nix::cmsg_space!([RawFd; 1], UnixCredentials);
        let (length, pid, passed) = {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let packet = match recvmsg::<()>(self.fd.as_raw_fd(), &mut slices, Some(&mut space), flags) {
                Err(nix::errno::Errno::ECONNRESET) => return Ok(None),
                packet => packet?,
            };
            let (mut pid, mut passed) = (0, None);
            for control in packet.cmsgs()? {
                match control {
                    ControlMessageOwned::ScmCredentials(sender) => pid = sender.pid(),
                    ControlMessageOwned::ScmRights(fds) => {
                        passed = fds.first().map(|fd| crate::kernel::raw::own(*fd));
                    }
                    _ => {}
                }
            }
            (packet.bytes, pid, passed)
        };
        if length == 0 {
            return Ok(None);
        }
        let message = serde_json::from_slice(&buffer[..length])?;
        Ok(Some(Received { message, pid, passed }))
    }

    /// For the director: let the lane go on. That it is gone shows at the next `receive`.
    pub(crate) fn answer(&self, answer: &Answer) -> io::Result<()> {
        let bytes = serde_json::to_vec(answer)?;
        match nix::sys::socket::send(self.fd.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL) {
            Err(nix::errno::Errno::EPIPE | nix::errno::Errno::ECONNRESET) => Ok(()),
            sent => Ok(sent.map(drop)?),
        }
    }

    pub(crate) fn from_passed(fd: OwnedFd) -> Self {
        Channel { fd }
    }
}

/// Again when a signal handler ran in between.
pub(crate) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::errno::Errno::EINTR) => {}
            result => return result,
        }
    }
}
