//! Bytes on their way from one descriptor to another, without anybody being kept waiting.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::kernel::Errno;

/// A way for bytes.
#[derive(Debug)]
pub struct Flow {
    /// Both ends, as long as there is something to come.
    ends: Option<(OwnedFd, OwnedFd)>,
    /// Read, and not written yet.
    buffer: Vec<u8>,
}

/// How much is on its way at once.
const PIECE: usize = 8 << 10;

impl Flow {
    /// From here to there. When nothing more comes, or nobody takes it any more, both ends are closed.
    pub fn new(from: OwnedFd, to: OwnedFd) -> Self {
        Self { ends: Some((from, to)), buffer: vec![] }
    }

    pub(super) fn is_done(&self) -> bool {
        self.ends.is_none()
    }

    /// What it waits for; nothing when it is done.
    pub(super) fn poll_fd(&self) -> Option<PollFd<'_>> {
        let (from, to) = self.ends.as_ref()?;
        Some(if self.buffer.is_empty() {
            PollFd::new(from.as_fd(), PollFlags::POLLIN)
        } else {
            PollFd::new(to.as_fd(), PollFlags::POLLOUT)
        })
    }

    /// It waits no longer.
    pub(super) fn go_on(&mut self) {
        let Some((from, to)) = &self.ends else { return };
        if self.buffer.is_empty() {
            self.buffer.resize(PIECE, 0);
            let read = nix::unistd::read(from, &mut self.buffer);
            self.buffer.truncate(read.unwrap_or(0));
            match read {
                Ok(length) if length > 0 => {}
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // A terminal whose other end is closed answers EIO.
                _ => self.ends = None,
            }
            return;
        }
        match nix::unistd::write(to, &self.buffer) {
            Ok(length) => drop(self.buffer.drain(..length)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // Nobody is there to read it.
            Err(_) => (self.ends, self.buffer) = (None, vec![]),
        }
    }

    /// The writers are gone: bring what is still on its way to its end.
    pub(super) fn drain(&mut self) {
        while let Some(fd) = self.poll_fd() {
            // Somebody who reads slowly has a second.
            let patience =
                if self.buffer.is_empty() { PollTimeout::ZERO } else { PollTimeout::from(1000u16) };
            match poll(&mut [fd], patience) {
                Ok(0) => return,
                Err(errno) if errno != Errno::EINTR => return,
                _ => self.go_on(),
            }
        }
    }
}
