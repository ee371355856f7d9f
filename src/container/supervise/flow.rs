//! Bytes on their way from one descriptor to another, without anybody being kept waiting.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::kernel::Errno;

/// A way for bytes.
#[derive(Debug)]
pub struct Flow {
    from: OwnedFd,
    /// Nobody, when there is nothing more to come.
    to: Option<OwnedFd>,
    /// Read, and not written yet.
    buffer: Vec<u8>,
}

/// How much is on its way at once.
const PIECE: usize = 8 << 10;

impl Flow {
    /// From here to there. When nothing more comes, the other end is closed.
    pub fn new(from: OwnedFd, to: OwnedFd) -> Self {
        Self { from, to: Some(to), buffer: vec![] }
    }

    pub(super) fn is_done(&self) -> bool {
        self.to.is_none()
    }

    /// What it waits for.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        match &self.to {
            Some(to) if !self.buffer.is_empty() => PollFd::new(to.as_fd(), PollFlags::POLLOUT),
            _ => PollFd::new(self.from.as_fd(), PollFlags::POLLIN),
        }
    }

    /// It waits no longer.
    pub(super) fn go_on(&mut self) {
        if self.buffer.is_empty() {
            self.buffer.resize(PIECE, 0);
            let read = nix::unistd::read(&self.from, &mut self.buffer);
            self.buffer.truncate(read.unwrap_or(0));
            match read {
                Ok(length) if length > 0 => {}
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // A terminal whose other end is closed answers EIO.
                _ => self.to = None,
            }
            return;
        }
        let Some(to) = &self.to else { return };
        match nix::unistd::write(to, &self.buffer) {
            Ok(length) => drop(self.buffer.drain(..length)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // Nobody is there to read it.
            Err(_) => (self.to, self.buffer) = (None, vec![]),
        }
    }

    /// The writers are gone: bring what is still on its way to its end.
    pub(super) fn drain(&mut self) {
        while !self.is_done() {
            let mut fds = [self.poll_fd()];
            match poll(&mut fds, PollTimeout::ZERO) {
                Ok(0) if self.buffer.is_empty() => return,
                // Somebody who reads slowly has a second.
                Ok(0) if poll(&mut [self.poll_fd()], PollTimeout::from(1000u16)) == Ok(0) => return,
                Err(errno) if errno != Errno::EINTR => return,
                _ => self.go_on(),
            }
        }
    }
}
