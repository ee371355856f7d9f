//! Block devices: a file that is made into one, and what is written there and read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::arch::page_size;
use super::record::{call, quoted};
use super::{Errno, Error, Result, error, raw};

/// A loop device with a file behind it. The kernel takes the file away when nobody has the device open any more,
/// however that comes about (`LO_FLAGS_AUTOCLEAR`).
#[derive(Debug)]
pub struct Loop {
    device: File,
    path: PathBuf,
}

impl Loop {
    /// Make a file into a block device: `ioctl(LOOP_CTL_GET_FREE)`, then `ioctl(LOOP_CONFIGURE)`, since Linux 5.8.
    /// <https://man7.org/linux/man-pages/man4/loop.4.html>
    pub fn attach(file: impl AsRef<Path>) -> Result<Self> {
        const CONTROL: &str = "/dev/loop-control";
        const AUTOCLEAR: u32 = 4; // LO_FLAGS_AUTOCLEAR of linux/loop.h
        let file = file.as_ref();
        let control = open(Path::new(CONTROL), OFlag::empty())?;
        let backing = open(file, OFlag::empty())?;
        let mut tries = 100;
        loop {
            let args = || format!("{}, LOOP_CTL_GET_FREE", quoted(CONTROL));
            let number = call("ioctl", args, || raw::loop_get_free(control.as_fd()))?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = open(&path, OFlag::empty())?;
            let args = || {
                let (device, file) = (quoted(path.display()), quoted(file.display()));
                format!("{device}, LOOP_CONFIGURE, {{fd={file}, lo_flags=LO_FLAGS_AUTOCLEAR}}")
            };
            let configure = || raw::loop_configure(device.as_fd(), backing.as_fd(), AUTOCLEAR);
            match call("ioctl", args, configure) {
                // Somebody else was faster.
                Err(Error { errno: Errno::EBUSY, .. }) if tries > 0 => tries -= 1,
                configured => return configured.map(|()| Self { device, path }),
            }
        }
    }

    /// The device's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `close(2)`.
    /// <https://man7.org/linux/man-pages/man2/close.2.html>
    pub fn close(self) -> Result<()> {
        let Self { device, path } = self;
        let close = || {
            drop(device);
            Ok(())
        };
        call("close", || quoted(path.display()), close)
    }
}

/// A block device, or a file, that is open for amounts of which only the size counts.
#[derive(Debug)]
pub struct Bulk {
    file: File,
    path: PathBuf,
}

impl Bulk {
    /// `open(2)`: what is written goes to the page cache. A file that is not there is made.
    /// <https://man7.org/linux/man-pages/man2/open.2.html>
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self { file: open(path, OFlag::O_CREAT)?, path: path.into() })
    }

    /// `open(2)` with `O_DIRECT`: past the page cache, to the device itself and from it.
    /// <https://man7.org/linux/man-pages/man2/open.2.html>
    pub fn open_direct(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let args = || format!("{}, O_DIRECT", quoted(path.display()));
        let device = call("open", args, || opened(path, OFlag::O_DIRECT))?;
        Ok(Self { file: device.into(), path: path.into() })
    }

    /// `write(2)` of so many bytes, which are all the same, at the beginning, in one go.
    /// <https://man7.org/linux/man-pages/man2/write.2.html>
    pub fn write(&self, bytes: usize) -> Result<()> {
        let mut buffer = Aligned::of(bytes);
        let content = buffer.bytes();
        content.fill(b'x');
        let args = || format!("{}, \"xxxxxxxx\"..., {bytes}", quoted(self.path.display()));
        let make = || (&self.file).rewind().and_then(|()| (&self.file).write_all(content));
        call("write", args, || io(make()).map(|()| bytes)).map(drop)
    }

    /// `read(2)` of so many bytes from the beginning, in one go.
    /// <https://man7.org/linux/man-pages/man2/read.2.html>
    pub fn read(&self, bytes: usize) -> Result<()> {
        let mut buffer = Aligned::of(bytes);
        let args = || format!("{}, {bytes}", quoted(self.path.display()));
        let mut make = || (&self.file).rewind().and_then(|()| (&self.file).read_exact(buffer.bytes()));
        call("read", args, || io(make()).map(|()| bytes)).map(drop)
    }

    /// `fsync(2)`: wait until what is in the page cache of it has been written.
    /// <https://man7.org/linux/man-pages/man2/fsync.2.html>
    pub fn fsync(&self) -> Result<()> {
        call("fsync", || quoted(self.path.display()), || io(self.file.sync_all()))
    }
}

/// Memory that begins where `O_DIRECT` wants it: no device has blocks larger than a page.
struct Aligned {
    memory: Vec<u8>,
    bytes: usize,
}

impl Aligned {
    fn of(bytes: usize) -> Self {
        Self { memory: vec![0; bytes + page_size()], bytes }
    }

    fn bytes(&mut self) -> &mut [u8] {
        let begin = self.memory.as_ptr().align_offset(page_size());
        &mut self.memory[begin..begin + self.bytes]
    }
}

/// Told only when it is refused: the path is part of what is then done with the file.
fn open(path: &Path, more: OFlag) -> Result<File> {
    let told = |errno| call("open", || quoted(path.display()), || Err::<OwnedFd, _>(errno));
    opened(path, more).or_else(told).map(File::from)
}

/// For reading and writing.
fn opened(path: &Path, more: OFlag) -> nix::Result<OwnedFd> {
    io(OpenOptions::new().read(true).write(true).custom_flags(more.bits()).open(path)).map(OwnedFd::from)
}

fn io<T>(result: std::io::Result<T>) -> nix::Result<T> {
    result.map_err(|failed| error::io_errno(&failed))
}
