//! Reading an archive from its beginning to its end.

use std::io::{self, Read};

use super::header::{GID, Header, KIND, LINK, MAJOR, MINOR, MODE, MTIME, SIZE, UID};
use super::pax::Pax;
use super::sparse::Map;
use super::{BLOCK, Entry, Kind, shown};
use crate::image::error::{Error, Result, reading};

/// The longest header of names and attributes; an attribute has at most 64 KiB.
const LONGEST_HEADER: u64 = 1 << 20;

/// Reads an archive. Between two entries, what it reads is the content of the last one.
pub(in crate::image) struct Reader<R> {
    source: R,
    /// The most bytes that all files together may have.
    limit: u64,
    /// Of the current entry: what is still stored of it, and what comes up to the next block.
    stored: u64,
    padding: u64,
    /// Where its data belongs; which part is being read, and how much of that part has been.
    map: Map,
    part: usize,
    inside: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(in crate::image) fn new(source: R, limit: u64) -> Self {
        let map = Map { parts: vec![], size: 0 };
        Self { source, limit, stored: 0, padding: 0, map, part: 0, inside: 0, ended: false }
    }

    /// Whether the archive had an end, and was not just cut off between two entries.
    pub(in crate::image) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next entry.
    pub(in crate::image) fn next(&mut self) -> Result<Option<Entry>> {
        let (mut pax, mut long_path, mut long_link) = (Pax::default(), None, None);
        loop {
            let rest = self.stored + self.padding;
            self.pass(rest)?;
            let Some(header) = self.header()? else { return Ok(None) };
            let stored = header.count(SIZE)?;
            match header.0[KIND] {
                b'x' => pax = Pax::parse(&self.extended(stored)?)?,
                // Comments of those who made it; nothing in an image hangs on them.
                b'g' => drop(self.extended(stored)?),
                b'L' => long_path = Some(name(self.extended(stored)?)),
                b'K' => long_link = Some(name(self.extended(stored)?)),
                _ => {
                    let mut entry = entry(&header, stored)?;
                    entry.path = long_path.unwrap_or(entry.path);
                    entry.link = long_link.unwrap_or(entry.link);
                    pax.apply(&mut entry)?;
                    // Before there was a letter for it, a directory had a slash at its end.
                    if matches!(header.0[KIND], 0 | b'0') && entry.path.ends_with(b"/") {
                        entry.kind = Kind::Directory;
                    }
                    self.begin(&mut entry, &header, &pax)?;
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Set out to read the content of an entry.
    fn begin(&mut self, entry: &mut Entry, header: &Header, pax: &Pax) -> Result<()> {
        (self.part, self.inside) = (0, 0);
        self.map = Map { parts: vec![], size: 0 };
        if entry.kind != Kind::File {
            entry.size = 0;
            return Ok(());
        }
        let stored = pax.number("size")?.unwrap_or(entry.size);
        self.allow(stored, entry)?;
        let mut taken = 0;
        self.map = if header.0[KIND] == b'S' {
            Map::of_gnu(header, stored, &mut self.source)?
        } else if let Some((map, of_data)) = Map::of_pax(pax, stored, &mut self.source)? {
            if let Some(path) = pax.get("GNU.sparse.name") {
                entry.path = path.into();
            }
            taken = of_data;
            map
        } else {
            Map { parts: vec![(0, stored)], size: stored }
        };
        self.allow(self.map.size, entry)?;
        self.limit -= self.map.size;
        self.stored = stored - taken;
        self.padding = stored.next_multiple_of(BLOCK as u64) - stored;
        entry.size = self.map.size;
        Ok(())
    }

    fn allow(&self, size: u64, entry: &Entry) -> Result<()> {
        if size <= self.limit {
            return Ok(());
        }
        let (name, left) = (entry.shown(), self.limit);
        Err(Error::TooLarge(format!(
            "{name} is said to have {size} bytes, and {left} are left of what is allowed"
        )))
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        let mut length = 0;
        while length < BLOCK {
            match self.source.read(&mut block[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(reading(error)),
            }
        }
        match length {
            0 => Ok(None),
            BLOCK if block.iter().all(|byte| *byte == 0) => {
                self.ended = true;
                Ok(None)
            }
            BLOCK => Header::check(block).map(Some),
            _ => Err(reading(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The content of an extended header.
    fn extended(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > LONGEST_HEADER {
            return Err(Error::Hostile(format!("a header in it is said to have {length} bytes")));
        }
        let mut content = vec![0; length as usize];
        self.source.read_exact(&mut content).map_err(reading)?;
        self.pass(length.next_multiple_of(BLOCK as u64) - length)?;
        Ok(content)
    }

    /// Pass over bytes.
    fn pass(&mut self, count: u64) -> Result<()> {
        let passed = io::copy(&mut (&mut self.source).take(count), &mut io::sink()).map_err(reading)?;
        (self.stored, self.padding) = (0, 0);
        if passed < count { Err(reading(io::ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }

    /// The next piece of the current entry's data, and where in the file it belongs. What is between pieces is a
    /// hole.
    pub(in crate::image) fn piece(&mut self, buffer: &mut [u8]) -> io::Result<Option<(u64, usize)>> {
        while let Some((offset, length)) = self.map.parts.get(self.part).copied() {
            if self.inside == length {
                (self.part, self.inside) = (self.part + 1, 0);
                continue;
            }
            let most = (length - self.inside).min(buffer.len() as u64) as usize;
            self.source.read_exact(&mut buffer[..most])?;
            let at = offset + self.inside;
            self.inside += most as u64;
            self.stored -= most as u64;
            return Ok(Some((at, most)));
        }
        Ok(None)
    }
}

/// The content of the current entry, if it has no holes.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.piece(buffer)?.map_or(0, |(_, count)| count))
    }
}

/// A long name ends where text ends.
fn name(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// What the header itself says.
fn entry(header: &Header, size: u64) -> Result<Entry> {
    let path = header.path();
    let numbers = || -> Result<_> { Ok((header.count(MAJOR)?, header.count(MINOR)?)) };
    let kind = match header.0[KIND] {
        0 | b'0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::SymbolicLink,
        b'3' => numbers().map(|(major, minor)| Kind::Character(major, minor))?,
        b'4' => numbers().map(|(major, minor)| Kind::Block(major, minor))?,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        other => {
            let (name, kind) = (shown(&path), char::from(other).escape_default());
            return Err(Error::Unsupported(format!("{name} is of the unknown kind '{kind}'")));
        }
    };
    Ok(Entry {
        path,
        link: header.text(LINK).into(),
        kind,
        mode: (header.number(MODE)? & 0o7777) as u32,
        uid: header.count(UID)?,
        gid: header.count(GID)?,
        changed: (header.number(MTIME)?, 0),
        size,
        attributes: vec![],
    })
}
