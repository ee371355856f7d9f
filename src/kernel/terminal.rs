//! Pseudo-terminals: a pair of ends, of which one looks like a terminal to programs.
//! <https://man7.org/linux/man-pages/man7/pty.7.html>

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::record::{call, quoted};
use super::{Result, raw};

/// `open(2)` of a `ptmx`: a new pair in the `devpts` that it belongs to. This is the master's end; the other one is
/// unlocked, so that it can be opened.
/// <https://man7.org/linux/man-pages/man4/pts.4.html>
pub fn open_pty(ptmx: impl AsRef<Path>) -> Result<OwnedFd> {
    let ptmx = ptmx.as_ref();
    let args = || format!("{}, O_RDWR|O_NOCTTY", quoted(ptmx.display()));
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = call("open", args, || nix::fcntl::open(ptmx, flags, Mode::empty()))?;
    call("ioctl", || format!("{}, TIOCSPTLCK, [0]", master.as_raw_fd()), || raw::unlock_pty(master.as_fd()))?;
    Ok(master)
}

/// `ioctl(TIOCGPTPEER)`: open the other end.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub fn peer(master: &OwnedFd) -> Result<OwnedFd> {
    let args = || format!("{}, TIOCGPTPEER, O_RDWR|O_NOCTTY", master.as_raw_fd());
    call("ioctl", args, || raw::pty_peer(master.as_fd()))
}

/// `ioctl(TIOCSCTTY)`: make it the terminal of this session. Ctrl-C in it then means this session's programs.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub fn set_controlling(terminal: &OwnedFd) -> Result<()> {
    let args = || format!("{}, TIOCSCTTY, 0", terminal.as_raw_fd());
    call("ioctl", args, || raw::set_controlling_terminal(terminal.as_fd()))
}

/// `ioctl(TIOCSWINSZ)`: give a terminal the size that another one has.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub fn copy_window_size(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let args = || format!("{}, TIOCSWINSZ", to.as_fd().as_raw_fd());
    call("ioctl", args, || raw::copy_window_size(from.as_fd(), to.as_fd()))
}
