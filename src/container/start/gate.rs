//! Between a container's first process and its maker, until it has become its program.
//!
//! ```text
//! maker                                   container
//!   │ ── "mapped" or "alone" ──────────────▶ │   only where it has users of its own
//!   │ ── "connected" ──────────────────────▶ │   only where it is on a network
//!   │ ◀───────── its terminal, passed on ─── │   only where it has one
//!   │ ◀──────────────── why it failed ────── │   or the end: execve closed it
//! ```

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::container::error::{Error, Result, doing};
use crate::container::failure::Failure;
use crate::kernel::{self, Errno};

/// One end of it.
#[derive(Debug)]
pub struct Gate {
    socket: UnixStream,
    /// Whether the container's side ends when its maker does.
    pub(super) dies_with_maker: bool,
}

/// What the maker hears.
pub(in crate::container) enum News {
    /// The master's end of the container's terminal.
    Terminal(Option<OwnedFd>),
    /// It has become its program.
    Program,
}

const MAPPED: u8 = b'm';
const ALONE: u8 = b'a';
const CONNECTED: u8 = b'c';
const TERMINAL: u8 = b't';
const FAILURE: u8 = b'f';

impl Gate {
    /// The maker's end, and the container's.
    pub fn pair() -> Result<(Self, Self)> {
        let (maker, container) = doing("cannot make a socket pair", UnixStream::pair())?;
        let end = |socket| Self { socket, dies_with_maker: true };
        Ok((end(maker), end(container)))
    }

    /// In the container: this end is the maker's, who hears of nobody's end as long as it is open here.
    pub(super) fn leave_to_maker(&self) {
        let fd = self.socket.as_raw_fd() as u32;
        // The other process has it as before, and the memory with its number in it may be that one's.
        let _ = kernel::raw::close_range(fd, fd);
    }

    /// In the container: go on when the maker ends.
    pub fn outlive_maker(self) -> Self {
        Self { dies_with_maker: false, ..self }
    }

    /// In the maker: whether users were mapped.
    pub(super) fn tell_mapped(&mut self, mapped: bool) {
        // One that is gone is noticed when its end is waited for.
        let _ = self.socket.write_all(&[if mapped { MAPPED } else { ALONE }]);
    }

    /// In the container: wait for that.
    pub(super) fn hear_mapped(&mut self) -> Result<bool> {
        let mut byte = [0];
        doing("cannot hear the maker", self.socket.read_exact(&mut byte))?;
        Ok(byte[0] == MAPPED)
    }

    /// In the maker: its interface is there.
    pub(super) fn tell_connected(&mut self) {
        // One that is gone is noticed when its end is waited for.
        let _ = self.socket.write_all(&[CONNECTED]);
    }

    /// In the container: wait for that.
    pub(super) fn hear_connected(&mut self) -> Result<()> {
        doing("cannot hear the maker", self.socket.read_exact(&mut [0]))
    }

    /// In the container: whether its maker is still there.
    pub(super) fn has_maker(&self) -> bool {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        poll(&mut fds, PollTimeout::ZERO) == Ok(0)
    }

    /// In the container: pass on the master's end of its terminal.
    pub(super) fn pass_terminal(&self, master: &OwnedFd) -> Result<()> {
        let fds = [master.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        let data = [IoSlice::new(&[TERMINAL])];
        let sent = sendmsg::<()>(self.socket.as_raw_fd(), &data, &rights, MsgFlags::MSG_NOSIGNAL, None);
        doing("cannot pass the terminal on", sent.map(drop).map_err(io::Error::from))
    }

    /// In the container: why it goes no further.
    pub(in crate::container) fn tell_failure(&mut self, error: &Error) {
        let mut message = vec![FAILURE];
        // A maker that is gone does not want to know.
        if serde_json::to_writer(&mut message, &Failure::of(error)).is_ok() {
            let _ = self.socket.write_all(&message);
        }
    }

    /// In the maker: wait until it has become its program. Its terminal, if it has one.
    pub(super) fn await_program(&mut self) -> Result<Option<OwnedFd>> {
        let mut terminal = None;
        loop {
            match self.hear()? {
                News::Program => return Ok(terminal),
                News::Terminal(passed) => terminal = passed,
            }
        }
    }

    /// In the maker: the next that there is to be heard.
    pub(super) fn hear(&mut self) -> Result<News> {
        let (kind, passed) = doing("cannot hear the container", self.receive())?;
        match kind {
            None => Ok(News::Program),
            Some(TERMINAL) => Ok(News::Terminal(passed)),
            Some(_) => {
                let mut report = vec![];
                doing("cannot hear the container", self.socket.read_to_end(&mut report))?;
                let failure = serde_json::from_slice::<Failure>(&report);
                Err(failure.map_or_else(|_| lost(), Failure::error))
            }
        }
    }

    /// The socket itself. Either end is from the maker's network namespace.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// In the maker, of somebody who has failed: why.
    pub(in crate::container) fn await_failure(&mut self) -> Result<()> {
        self.await_program()?;
        Err(lost())
    }

    fn receive(&self) -> io::Result<(Option<u8>, Option<OwnedFd>)> {
        let mut byte = [0];
        let mut space = nix::cmsg_space!([RawFd; 1]);
        let (length, passed) = loop {
            let mut data = [IoSliceMut::new(&mut byte)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<()>(self.socket.as_raw_fd(), &mut data, Some(&mut space), flags) {
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => break (0, None),
                Err(errno) => return Err(errno.into()),
                Ok(packet) => {
                    let mut passed = None;
                    for control in packet.cmsgs()? {
                        if let ControlMessageOwned::ScmRights(fds) = control {
                            passed = fds.first().map(|fd| kernel::raw::own(*fd));
                        }
                    }
                    break (packet.bytes, passed);
                }
            }
        };
        Ok(((length > 0).then_some(byte[0]), passed))
    }
}

fn lost() -> Error {
    Error::Late("the container's first process ended before its time".into())
}
