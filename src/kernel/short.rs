//! Short files, read with as few system calls as there can be.
//!
//! `std::fs::read` asks how long a file is, and then tries whether there is more. A file of `/proc` says that it has
//! nothing in it, and is read from 32 bytes on; each read may make all of it anew.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is read at once. Longer files are read in more steps.
const SHORT: usize = 16 << 10;

/// What no file is that is read here, unless it has no end, as `/dev/zero` under another name.
const LONGEST: u64 = 64 << 20;

/// All of a file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut content = Vec::with_capacity(SHORT);
    // Of a limited reader nobody knows the length, so it is not asked for.
    let length = File::open(path)?.take(LONGEST).read_to_end(&mut content)?;
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
