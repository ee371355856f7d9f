//! Compression, told by the first bytes: what an archive says of itself can be wrong.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::{Error, Result, reading};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Of a frame of zstd to be passed over; the first byte has sixteen values.
const SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];
/// What is known and not read.
const OTHERS: &[(&[u8], &str)] = &[(b"BZh", "bzip2"), (&[0xfd, b'7', b'z', b'X', b'Z'], "xz")];

/// What is in `source`, unpacked if it is compressed.
pub(super) fn decoder<'a>(source: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let source = Peeked::new(source).map_err(reading)?;
    let first = source.first().to_vec();
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Err(Error::Unsupported(format!(
            "it is compressed with {name}, and only gzip and zstd are read"
        )));
    }
    let is_zstd = first.starts_with(ZSTD) || first.get(1..4) == Some(SKIPPABLE);
    Ok(match first {
        first if first.starts_with(GZIP) => Box::new(MultiGzDecoder::new(source)),
        _ if is_zstd => Box::new(Zstd { source, decoder: FrameDecoder::new(), in_frame: false }),
        _ => Box::new(source),
    })
}

/// Archives are filled up to whole records, and these are not that large.
const MOST_AFTER: u64 = 64 << 20;

/// Read what comes after the end of an archive: it belongs to its digest, and compression ends there, too.
pub(super) fn drain(mut rest: impl Read) -> Result<()> {
    let after = io::copy(&mut (&mut rest).take(MOST_AFTER), &mut io::sink()).map_err(reading)?;
    if after == MOST_AFTER {
        return Err(Error::Hostile("it goes on and on after its end".into()));
    }
    Ok(())
}

/// A reader whose first bytes have been looked at.
struct Peeked<R> {
    first: [u8; 5],
    length: usize,
    given: usize,
    rest: BufReader<R>,
}

impl<R: Read> Peeked<R> {
    fn new(source: R) -> io::Result<Self> {
        let mut rest = BufReader::with_capacity(1 << 16, source);
        let (mut first, mut length) = ([0; 5], 0);
        while length < first.len() {
            match rest.read(&mut first[length..])? {
                0 => break,
                count => length += count,
            }
        }
        Ok(Self { first, length, given: 0, rest })
    }

    fn first(&self) -> &[u8] {
        &self.first[self.given..self.length]
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.length {
            return self.rest.read(buffer);
        }
        let count = self.first().read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

impl<R: Read> BufRead for Peeked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given < self.length { Ok(&self.first[self.given..self.length]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        if self.given < self.length { self.given += count } else { self.rest.consume(count) }
    }
}

/// zstd in several frames, as parallel compressors and chunked layers have it.
/// <https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md>
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.in_frame {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let decoded =
                        self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                    decoded.map_err(|error| self.fault(error))?;
                }
                match self.decoder.read(buffer)? {
                    0 if !buffer.is_empty() => self.in_frame = false,
                    count => return Ok(count),
                }
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.in_frame = self.begin()?;
        }
    }
}

impl<R: BufRead> Zstd<R> {
    /// Begin with the next frame, or pass over it: then it is false.
    fn begin(&mut self) -> io::Result<bool> {
        match self.decoder.init(&mut self.source) {
            Ok(()) => Ok(true),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = u64::from(length);
                let passed = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
                if passed < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(false) }
            }
            Err(error) => Err(self.fault(error)),
        }
    }

    /// The end of the source in the middle of a frame has many names there.
    fn fault(&mut self, error: FrameDecoderError) -> io::Error {
        match self.source.fill_buf() {
            Ok([]) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
            Err(error) => error,
        }
    }
}
