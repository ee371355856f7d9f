//! `ADD` of an archive: what is in it becomes files of the image.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::filling::Filling;
use crate::image::codec::decoder;
use crate::image::error::{Error, Result};
use crate::image::load;
use crate::image::merged::Found;
use crate::image::tar::{Entry, Kind, Reader};
use crate::image::unpack::place;

/// Whether a file is an archive, compressed or not, by what is in it.
pub(super) fn is_one(file: &Found) -> Result<bool> {
    match Reader::new(decoder(file.open()?)?, load::LIMIT).next() {
        Ok(first) => Ok(first.is_some()),
        Err(Error::Io { what, why }) => Err(Error::Io { what, why }),
        Err(_) => Ok(false),
    }
}

/// Unpack an archive below a directory of the image. Owners and modes are those of the archive.
pub(super) fn unpack<W: Write>(file: &Found, to: &Path, filling: &mut Filling<W>) -> Result<()> {
    let mut archive = Reader::new(decoder(file.open()?)?, load::LIMIT);
    filling.directory(to)?;
    while let Some(entry) = archive.next()? {
        let Some(at) = place(&entry.path)? else { continue };
        if at.path().iter().any(|part| part.as_bytes().starts_with(b".wh.")) {
            let name = entry.shown();
            return Err(Error::Unsupported(format!(
                "{name}: layers mean by such a name that a file is gone"
            )));
        }
        let dir = filling.directory(&to.join(&at.parent))?;
        let mut entry = Entry { path: dir.join(&at.name).as_os_str().as_bytes().into(), ..entry };
        match entry.kind {
            Kind::Directory => entry.path.push(b'/'),
            Kind::HardLink => {
                let Some(target) = place(&entry.link)? else { continue };
                let dir = filling.directory(&to.join(&target.parent))?;
                entry.link = dir.join(&target.name).as_os_str().as_bytes().into();
            }
            _ => {}
        }
        let mut content = Dense { size: entry.size, at: 0, piece: vec![], begins: 0, archive: &mut archive };
        filling.put(&entry, &mut content)?;
    }
    if !archive.has_ended() {
        return Err(Error::Damaged(format!("{} ends in the middle", file.name().display())));
    }
    Ok(())
}

/// The content of a file with zeros where it has holes.
struct Dense<'a, R> {
    archive: &'a mut Reader<R>,
    size: u64,
    at: u64,
    /// What was read already, and where it belongs.
    piece: Vec<u8>,
    begins: u64,
}

impl<R: Read> Read for Dense<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.begins + self.piece.len() as u64;
        if self.at >= end {
            self.piece.resize(1 << 16, 0);
            let (begins, count) = self.archive.piece(&mut self.piece)?.unwrap_or((self.size, 0));
            self.begins = begins;
            self.piece.truncate(count);
        }
        let count = if self.at < self.begins {
            let zeros = (self.begins - self.at).min(buffer.len() as u64) as usize;
            buffer[..zeros].fill(0);
            zeros
        } else {
            (&self.piece[(self.at - self.begins) as usize..]).read(buffer)?
        };
        self.at += count as u64;
        Ok(count)
    }
}
