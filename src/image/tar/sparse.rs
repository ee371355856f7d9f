//! Files with holes: the archive has their data, and a map that says where it belongs.
//! <https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html>

use std::io::Read;

use super::BLOCK;
use super::header::{Header, number};
use super::pax::{Pax, decimal};
use crate::image::error::{Error, Result, reading};

/// The parts of a file that hold data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// Offset and length of each.
    pub(super) parts: Vec<(u64, u64)>,
    /// How long the file is.
    pub(super) size: u64,
}

/// Nobody needs more parts of a file.
const MOST_PARTS: u64 = 1 << 20;

impl Map {
    /// Parts that follow each other, and fill what is stored.
    fn check(parts: Vec<(u64, u64)>, size: u64, stored: u64) -> Result<Self> {
        let (mut end, mut data) = (0u64, 0u64);
        for (offset, length) in &parts {
            if *offset < end {
                return Err(fault());
            }
            end = offset.checked_add(*length).filter(|end| *end <= size).ok_or_else(fault)?;
            data += length;
        }
        if data == stored { Ok(Self { parts, size }) } else { Err(fault()) }
    }

    /// The map of GNU tar's own format: in the header, and in blocks after it.
    pub(super) fn of_gnu(header: &Header, stored: u64, source: &mut impl Read) -> Result<Self> {
        const PART: usize = 24;
        let mut parts = vec![];
        let mut take = |bytes: &[u8]| -> Result<()> {
            for part in bytes.chunks_exact(PART) {
                let [offset, length] = [number(&part[..12])?, number(&part[12..])?];
                if part[0] == 0 {
                    break;
                }
                parts.push((
                    u64::try_from(offset).map_err(|_| fault())?,
                    u64::try_from(length).map_err(|_| fault())?,
                ));
            }
            if parts.len() as u64 > MOST_PARTS { Err(fault()) } else { Ok(()) }
        };
        take(&header.0[386..386 + 4 * PART])?;
        let mut more = header.0[482] != 0;
        while more {
            let mut block = [0; BLOCK];
            source.read_exact(&mut block).map_err(reading)?;
            take(&block[..21 * PART])?;
            more = block[504] != 0;
        }
        let size = header.count((483, 12))?;
        Self::check(parts, size, stored)
    }

    /// The map of the pax formats: version 1.0 has it before the data, 0.1 among the records. Also how many bytes
    /// of what is stored it took.
    pub(super) fn of_pax(pax: &Pax, stored: u64, source: &mut impl Read) -> Result<Option<(Self, u64)>> {
        if let Some(map) = pax.get("GNU.sparse.map") {
            let numbers = map.split(|byte| *byte == b',').map(decimal).collect::<Result<Vec<_>>>()?;
            let size = pax.number("GNU.sparse.size")?.ok_or_else(fault)?;
            return Self::check(pairs(&numbers), size, stored).map(|map| Some((map, 0)));
        }
        match (pax.number("GNU.sparse.major")?, pax.number("GNU.sparse.minor")?) {
            (None, _) if pax.get("GNU.sparse.size").is_none() => return Ok(None),
            (Some(1), Some(0)) => {}
            _ => return Err(Error::Unsupported("it has sparse files in a format of old times".into())),
        }
        let size = pax.number("GNU.sparse.realsize")?.ok_or_else(fault)?;
        let mut taken = 0;
        let mut lines = Lines { source, block: [0; BLOCK], at: BLOCK, taken: &mut taken, most: stored };
        let count = lines.number()?;
        if count > MOST_PARTS {
            return Err(fault());
        }
        let numbers = (0..2 * count).map(|_| lines.number()).collect::<Result<Vec<_>>>()?;
        Self::check(pairs(&numbers), size, stored - taken).map(|map| Some((map, taken)))
    }
}

fn pairs(numbers: &[u64]) -> Vec<(u64, u64)> {
    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Numbers, one a line, in whole blocks.
struct Lines<'a, R> {
    source: &'a mut R,
    block: [u8; BLOCK],
    at: usize,
    taken: &'a mut u64,
    most: u64,
}

impl<R: Read> Lines<'_, R> {
    fn number(&mut self) -> Result<u64> {
        let mut digits = vec![];
        loop {
            if self.at == BLOCK {
                *self.taken += BLOCK as u64;
                if *self.taken > self.most {
                    return Err(fault());
                }
                self.source.read_exact(&mut self.block).map_err(reading)?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return decimal(&digits),
                _ if digits.len() > 20 => return Err(fault()),
                _ => digits.push(byte),
            }
        }
    }
}

fn fault() -> Error {
    Error::Damaged("the map of a sparse file in it is damaged".into())
}
