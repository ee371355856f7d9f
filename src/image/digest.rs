//! Digests: content is named by its SHA-256, and whoever reads it holds it against that name.
//! <https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>

use std::fmt;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};

/// `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

const PREFIX: &str = "sha256:";

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Hash::new(io::sink());
        hash.hasher.update(bytes);
        hash.digest()
    }

    /// From its text.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        if digits.len() == 64 && digits.bytes().all(|sign| matches!(sign, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.into()));
        }
        if text.starts_with("sha512:") {
            return Err(Error::Unsupported("it has digests of SHA-512, and only SHA-256 is read".into()));
        }
        Err(Error::Damaged(format!("{text:.80?} is no SHA-256 digest")))
    }

    /// Its digits, which are a file name.
    pub fn hex(&self) -> &str {
        &self.0[PREFIX.len()..]
    }

    /// The first twelve digits, as docker shows them.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        Self::parse(&text).map_err(|error| error.to_string())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes and counts what passes through.
pub(super) struct Hash<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Hash<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// How many bytes have passed.
    pub(super) fn count(&self) -> u64 {
        self.bytes
    }

    /// The digest of what has passed.
    pub(super) fn digest(self) -> Digest {
        let digits =
            self.hasher.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Digest(format!("{PREFIX}{digits}"))
    }
}

impl<R: Read> Read for Hash<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<W: Write> Write for Hash<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sha256sum_says() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
    }

    #[test]
    fn it_cannot_be_a_path() {
        for text in
            ["sha256:../../etc/passwd", "sha256:", "", "md5:00", &format!("sha256:{}", "A".repeat(64))]
        {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }
}
