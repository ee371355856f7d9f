//! Tar archives as images have them: POSIX headers with pax or GNU extensions.
//!
//! Read here, and not by a library, because each number and each length in them may be a lie: none of them is
//! believed beyond a limit, and each fault has a sentence.
//! <https://man7.org/linux/man-pages/man5/tar.5.html>

mod header;
mod pax;
mod read;
mod sparse;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;

/// Archives are made of blocks of this size.
const BLOCK: usize = 512;

/// What an entry of an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// Another name of a file that came before.
    HardLink,
    SymbolicLink,
    Directory,
    Character(u64, u64),
    Block(u64, u64),
    Fifo,
}

/// The name of an extended attribute, and its value.
pub(super) type Attribute = (String, Vec<u8>);

/// An entry of an archive; names are bytes, as the kernel has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    /// Where a link leads.
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// When it was changed last: seconds and nanoseconds.
    pub(super) changed: (i64, u32),
    /// How long the file is.
    pub(super) size: u64,
    pub(super) attributes: Vec<Attribute>,
}

impl Entry {
    /// Its name, for people.
    pub(super) fn shown(&self) -> String {
        shown(&self.path)
    }
}

/// A name for people: nothing in it steers a terminal, and it has an end.
pub(super) fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let short: String = name.chars().take(100).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{}{dots}", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::image::error::Result;

    fn entry(path: &[u8]) -> Entry {
        Entry {
            path: path.into(),
            link: vec![],
            kind: Kind::File,
            mode: 0o4755,
            uid: 3_000_000_000,
            gid: 7,
            changed: (1_700_000_000, 0),
            size: 5,
            attributes: vec![("user.note".into(), b"a\n\0b".to_vec())],
        }
    }

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let long = [b"dir/".repeat(100), b"file".to_vec()].concat();
        for path in [b"file".to_vec(), long, b"\xff\xfe".to_vec()] {
            let mut written = Writer::new(vec![]);
            written.entry(&entry(&path))?.copy_from(&mut &b"hello"[..])?;
            let bytes = written.finish()?;
            let mut reader = Reader::new(&bytes[..], u64::MAX);
            assert_eq!(reader.next()?, Some(entry(&path)));
            let mut content = String::new();
            reader.read_to_string(&mut content).map_err(crate::image::error::reading)?;
            assert_eq!(content, "hello");
            assert_eq!(reader.next()?, None);
            assert!(reader.has_ended());
        }
        Ok(())
    }

    #[test]
    fn what_is_cut_off_is_noticed() -> Result<()> {
        let mut written = Writer::new(vec![]);
        written.entry(&entry(b"file"))?.copy_from(&mut &b"hello"[..])?;
        let bytes = written.finish()?;
        for length in 1..bytes.len() - 2 * BLOCK {
            let mut reader = Reader::new(&bytes[..length], u64::MAX);
            let all = || -> Result<bool> {
                while reader.next()?.is_some() {}
                Ok(reader.has_ended())
            };
            let mut all = all;
            assert!(!all().unwrap_or(false), "{length} bytes");
        }
        Ok(())
    }
}
