//! Short files, read with as few system calls as there can be.
//!
//! `std::fs::read` asks how long a file is, and then tries whether there is more. A file of `/proc` says that it has
//! nothing in it, and is read from 32 bytes on; each read may make all of it anew.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// What is read at once. Longer files are read in more steps.
const SHORT: usize = 16 << 10;

/// What no file is that is read here, unless it has no end, as `/dev/zero` under another name.
const LONGEST: u64 = 64 << 20;

/// Open a file to read it, and wait for nobody: where a container says what there is, it can be a FIFO without a writer.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    let at_once = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(at_once.bits()).open(path)
}

/// All of a file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut content = Vec::with_capacity(SHORT);
    // Of a limited reader nobody knows the length, so it is not asked for.
    let length = open(path)?.take(LONGEST).read_to_end(&mut content)?;
    if length as u64 == LONGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// All of a file of text.
pub fn text(path: impl AsRef<Path>) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| ErrorKind::InvalidData.into())
}

/// All of an open file on a disk, from its beginning, wherever whoever writes to it is. Of such a file the kernel gives
/// all that there is at once.
pub fn read_open(file: &File) -> Result<Vec<u8>> {
    let mut content = vec![];
    loop {
        let begun = content.len();
        content.resize(begun + SHORT, 0);
        let length = file.read_at(&mut content[begun..], begun as u64)?;
        content.truncate(begun + length);
        if length < SHORT {
            return Ok(content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_too_large() {
        let error = |path| read(path).map_err(|error| error.kind()).err();
        assert_eq!(error("/dev/zero"), Some(ErrorKind::FileTooLarge));
        assert_eq!(error("/dev/null"), None);
        assert_eq!(error("/nowhere"), Some(ErrorKind::NotFound));
    }

    #[test]
    fn a_fifo_is_not_waited_for() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR)?;
        assert_eq!(text(fifo)?, "");
        Ok(())
    }

    #[test]
    fn all_of_a_file_is_read() -> Result<()> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
        let content = std::fs::read(source)?;
        assert!(content.len() > SHORT);
        assert_eq!(read(source)?, content);
        assert_eq!(read_open(&File::open(source)?)?, content);
        assert_eq!(text("/proc/self/comm")?, std::fs::read_to_string("/proc/self/comm")?);
        Ok(())
    }
}
