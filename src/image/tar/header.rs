//! The block that every entry begins with.

use super::BLOCK;
use crate::image::error::{Error, Result};

/// The fields of a header: where, and how long.
type Field = (usize, usize);
pub(super) const NAME: Field = (0, 100);
pub(super) const MODE: Field = (100, 8);
pub(super) const UID: Field = (108, 8);
pub(super) const GID: Field = (116, 8);
pub(super) const SIZE: Field = (124, 12);
pub(super) const MTIME: Field = (136, 12);
pub(super) const CHECKSUM: Field = (148, 8);
pub(super) const KIND: usize = 156;
pub(super) const LINK: Field = (157, 100);
pub(super) const MAGIC: Field = (257, 8);
pub(super) const MAJOR: Field = (329, 8);
pub(super) const MINOR: Field = (337, 8);
pub(super) const PREFIX: Field = (345, 155);

/// A header that is whole.
pub(super) struct Header(pub(super) [u8; BLOCK]);

impl Header {
    /// After its checksum was held against it.
    pub(super) fn check(block: [u8; BLOCK]) -> Result<Self> {
        let header = Self(block);
        let written = header.number(CHECKSUM);
        if written.ok() != Some(header.checksum() as i64) {
            return Err(Error::Damaged("it is no tar archive, or a header in it is damaged".into()));
        }
        Ok(header)
    }

    /// The sum of all bytes, with blanks in its own place.
    pub(super) fn checksum(&self) -> u64 {
        let own = CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1;
        let byte = |(at, byte): (usize, &u8)| if own.contains(&at) { b' ' } else { *byte };
        self.0.iter().enumerate().map(byte).map(u64::from).sum()
    }

    pub(super) fn bytes(&self, (at, length): Field) -> &[u8] {
        &self.0[at..at + length]
    }

    /// Text up to its end.
    pub(super) fn text(&self, field: Field) -> &[u8] {
        let bytes = self.bytes(field);
        &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
    }

    /// In octal digits, or where these do not suffice, in binary.
    pub(super) fn number(&self, field: Field) -> Result<i64> {
        number(self.bytes(field))
    }

    /// A number that cannot be negative.
    pub(super) fn count(&self, field: Field) -> Result<u64> {
        u64::try_from(self.number(field)?).map_err(|_| fault())
    }

    /// The name, of which older formats have a part elsewhere.
    pub(super) fn path(&self) -> Vec<u8> {
        let (prefix, name) = (self.text(PREFIX), self.text(NAME));
        if self.bytes(MAGIC).starts_with(b"ustar\0") && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.into()
        }
    }
}

/// A number as headers have it.
pub(super) fn number(bytes: &[u8]) -> Result<i64> {
    if let [first, rest @ ..] = bytes
        && first & 0x80 != 0
    {
        // Two's complement, the highest bit of which says that it is none of digits.
        let start = if first & 0x40 != 0 { -1 } else { 0 };
        let mut value = (start << 6) | i128::from(first & 0x3f);
        for byte in rest {
            value = (value << 8) | i128::from(*byte);
        }
        return i64::try_from(value).map_err(|_| fault());
    }
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return Ok(0);
    }
    let text = str::from_utf8(text).map_err(|_| fault())?;
    i64::from_str_radix(text, 8).map_err(|_| fault())
}

fn fault() -> Error {
    Error::Damaged("a header in it has a number that is none".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() -> Result<()> {
        assert_eq!(number(b"0000644\0")?, 0o644);
        assert_eq!(number(b"   644 \0")?, 0o644);
        assert_eq!(number(b"\0\0\0\0\0\0\0\0")?, 0);
        assert_eq!(number(b"\x80\0\0\0\0\0\x01\0")?, 256);
        assert_eq!(number(&[0xff; 12])?, -1);
        assert!(number(b"0009\0\0\0\0").is_err());
        assert!(number(&[0xbf; 12]).is_err());
        Ok(())
    }
}
