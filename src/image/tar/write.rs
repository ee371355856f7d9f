//! Writing an archive: the same entries give the same bytes.

use std::io::{self, Read, Write};

use super::header::{CHECKSUM, GID, Header, KIND, LINK, MAGIC, MAJOR, MINOR, MODE, MTIME, NAME, SIZE, UID};
use super::pax::ATTRIBUTE;
use super::{BLOCK, Entry, Kind};
use crate::image::error::{Error, Result, doing};

/// Writes an archive.
pub(in crate::image) struct Writer<W> {
    target: W,
    /// What is still to come of the current entry.
    missing: u64,
}

impl<W: Write> Writer<W> {
    pub(in crate::image) fn new(target: W) -> Self {
        Self { target, missing: 0 }
    }

    /// Begin an entry; the content of a file has to follow.
    pub(in crate::image) fn entry(&mut self, entry: &Entry) -> Result<&mut Self> {
        let records = records(entry);
        if !records.is_empty() {
            let header = block(b"pax", b"", b'x', 0o644, records.len() as u64);
            self.put(&header.0)?;
            self.put(&records)?;
            self.pad(records.len() as u64)?;
        }
        let (letter, major, minor) = match entry.kind {
            Kind::File => (b'0', 0, 0),
            Kind::HardLink => (b'1', 0, 0),
            Kind::SymbolicLink => (b'2', 0, 0),
            Kind::Character(major, minor) => (b'3', major, minor),
            Kind::Block(major, minor) => (b'4', major, minor),
            Kind::Directory => (b'5', 0, 0),
            Kind::Fifo => (b'6', 0, 0),
        };
        let mut header = block(&entry.path, &entry.link, letter, entry.mode, entry.size);
        set(&mut header, UID, entry.uid);
        set(&mut header, GID, entry.gid);
        set(&mut header, MTIME, entry.changed.0.try_into().unwrap_or(0));
        set(&mut header, MAJOR, major);
        set(&mut header, MINOR, minor);
        seal(&mut header);
        self.put(&header.0)?;
        self.missing = entry.size;
        Ok(self)
    }

    /// A small file, readable for everybody, of no time.
    pub(in crate::image) fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.entry(&plain(path, content.len() as u64))?.copy_from(&mut &content[..])
    }

    /// An empty file whose name says everything.
    pub(in crate::image) fn file_named(&mut self, path: &[u8]) -> Result<()> {
        self.entry(&Entry { path: path.into(), mode: 0, ..plain("", 0) }).map(drop)
    }

    /// A file of this size, read from elsewhere.
    pub(in crate::image) fn file_from(
        &mut self,
        path: &str,
        size: u64,
        content: &mut impl Read,
    ) -> Result<()> {
        self.entry(&plain(path, size))?.copy_from(content)
    }

    /// The content of the entry just begun.
    pub(in crate::image) fn copy_from(&mut self, content: &mut impl Read) -> Result<()> {
        let size = std::mem::take(&mut self.missing);
        let copied = doing("cannot write the archive", io::copy(&mut content.take(size), &mut self.target))?;
        if copied < size {
            return Err(Error::Damaged("a file became shorter while it was read".into()));
        }
        self.pad(size)
    }

    /// The end of the archive: two empty blocks.
    pub(in crate::image) fn finish(mut self) -> Result<W> {
        self.put(&[0; 2 * BLOCK])?;
        doing("cannot write the archive", self.target.flush())?;
        Ok(self.target)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        doing("cannot write the archive", self.target.write_all(bytes))
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.put(&[0; BLOCK][..padding as usize])
    }
}

fn plain(path: &str, size: u64) -> Entry {
    Entry {
        path: path.into(),
        link: vec![],
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        changed: (0, 0),
        size,
        attributes: vec![],
    }
}

/// A header with the fields that all have.
fn block(path: &[u8], link: &[u8], kind: u8, mode: u32, size: u64) -> Header {
    let mut header = Header([0; BLOCK]);
    put(&mut header, NAME, path);
    put(&mut header, LINK, link);
    put(&mut header, MAGIC, b"ustar\x0000");
    header.0[KIND] = kind;
    for (field, value) in [(MODE, mode.into()), (UID, 0), (GID, 0), (SIZE, size), (MTIME, 0)] {
        set(&mut header, field, value);
    }
    seal(&mut header);
    header
}

/// Text, as much of it as there is room for.
fn put(header: &mut Header, (at, length): (usize, usize), text: &[u8]) {
    let text = &text[..text.len().min(length)];
    header.0[at..at + text.len()].copy_from_slice(text);
}

/// The largest number that fits in a field in octal digits.
fn largest((_, length): (usize, usize)) -> u64 {
    (1 << (3 * (length - 1))) - 1
}

/// In octal; what does not fit is in a record of the extended header.
fn set(header: &mut Header, field: (usize, usize), value: u64) {
    let value = if value > largest(field) { 0 } else { value };
    put(header, field, format!("{value:0width$o}\0", width = field.1 - 1).as_bytes());
}

fn seal(header: &mut Header) {
    let sum = header.checksum();
    put(header, CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
}

/// What the header has no room for.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = vec![];
    let mut add = |key: &str, value: &[u8]| {
        let rest = key.len() + value.len() + 3;
        // The length counts its own digits, too.
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length = length.to_string().len() + rest;
        }
        records.extend_from_slice(format!("{length} {key}=").as_bytes());
        records.extend_from_slice(value);
        records.push(b'\n');
    };
    for (key, text, field) in [("path", &entry.path, NAME), ("linkpath", &entry.link, LINK)] {
        if text.len() > field.1 || !text.is_ascii() {
            add(key, text);
        }
    }
    let seconds = entry.changed.0;
    let numbers = [("uid", entry.uid, UID), ("gid", entry.gid, GID), ("size", entry.size, SIZE)];
    for (key, value, field) in numbers {
        if value > largest(field) {
            add(key, value.to_string().as_bytes());
        }
    }
    if u64::try_from(seconds).map_or(true, |seconds| seconds > largest(MTIME)) {
        add("mtime", seconds.to_string().as_bytes());
    }
    for (name, value) in &entry.attributes {
        add(&format!("{ATTRIBUTE}{name}"), value);
    }
    records
}
