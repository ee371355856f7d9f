//! Pipes and sockets: how processes talk to each other. In the record a descriptor is called by what it is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::fcntl::OFlag;

use super::record::{Returned, call, quoted};
use super::{Result, error};

/// A new thing that has no number worth telling.
impl<T: Made> Returned for T {
    fn shown(&self) -> String {
        "0".into()
    }
}

trait Made {}
impl Made for (File, File) {}
impl Made for UnixListener {}
impl Made for UnixStream {}

/// `pipe2(2)`: what is written to the second end can be read from the first.
/// <https://man7.org/linux/man-pages/man2/pipe.2.html>
pub fn pipe2() -> Result<(File, File)> {
    let make = || nix::unistd::pipe2(OFlag::O_CLOEXEC).map(|(from, to)| (from.into(), to.into()));
    call("pipe2", || "pipefd, O_CLOEXEC".into(), make)
}

/// `bind(2)`: make a socket with a name in the file system, and listen there.
/// <https://man7.org/linux/man-pages/man7/unix.7.html>
pub fn bind(path: impl AsRef<Path>) -> Result<UnixListener> {
    let path = path.as_ref();
    call("bind", || format!("socket, {}", quoted(path.display())), || io(UnixListener::bind(path)))
}

/// `connect(2)`: to the socket with this name in the file system.
/// <https://man7.org/linux/man-pages/man2/connect.2.html>
pub fn connect(path: impl AsRef<Path>) -> Result<UnixStream> {
    let path = path.as_ref();
    call("connect", || format!("socket, {}", quoted(path.display())), || io(UnixStream::connect(path)))
}

/// `accept(2)`: the next one that has connected.
/// <https://man7.org/linux/man-pages/man2/accept.2.html>
pub fn accept(listener: &UnixListener) -> Result<UnixStream> {
    call("accept", || "socket".into(), || io(listener.accept().map(|(stream, _)| stream)))
}

/// `write(2)` of a short text to a pipe or a socket.
/// <https://man7.org/linux/man-pages/man2/write.2.html>
pub fn write(what: &str, mut to: impl Write, text: &str) -> Result<()> {
    let args = || format!("{what}, {}", quoted(text));
    call("write", args, || io(to.write_all(text.as_bytes())).map(|()| text.len())).map(drop)
}

/// `read(2)` of what a pipe or a socket has now.
/// <https://man7.org/linux/man-pages/man2/read.2.html>
pub fn read(what: &str, mut from: impl Read) -> Result<String> {
    call(
        "read",
        || what.into(),
        || {
            let mut buffer = [0; 256];
            let length = io(from.read(&mut buffer))?;
            Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
        },
    )
}

fn io<T>(result: io::Result<T>) -> nix::Result<T> {
    result.map_err(|failed| error::io_errno(&failed))
}
