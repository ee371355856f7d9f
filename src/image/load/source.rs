//! The files of an archive, by name. They are copied into the work directory first, and hashed on the way: what is
//! checked is then what is used, whoever else can write to the archive.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::image::codec::{decoder, drain};
use crate::image::digest::{Digest, Hash};
use crate::image::error::{Error, Result, doing, reading};
use crate::image::manifest::{Descriptor, LONGEST};
use crate::image::store::Work;
use crate::image::tar::{Kind, Reader, shown};
use crate::kernel::Errno;
use crate::kernel::at::{OFlags, ResolveFlags, openat2};

/// A file of an archive, in the work directory.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Member {
    pub(super) fn open(&self) -> Result<File> {
        doing(format!("cannot read {}", self.path.display()), File::open(&self.path))
    }
}

/// The most files that an archive of images has.
const MOST: usize = 100_000;

/// An archive, or a directory.
pub(super) struct Source<'a> {
    work: &'a Work,
    members: HashMap<String, Member>,
    /// Old archives have a layer once, and links to it.
    links: HashMap<String, String>,
    directory: Option<File>,
}

impl<'a> Source<'a> {
    /// Everything in an archive, compressed or not.
    pub(super) fn archive(work: &'a Work, stream: impl Read, limit: u64) -> Result<Self> {
        let mut source = Self { work, members: HashMap::new(), links: HashMap::new(), directory: None };
        let mut stream = decoder(stream)?;
        let mut archive = Reader::new(&mut stream, limit);
        while let Some(entry) = archive.next()? {
            let name = clean(&entry.path)?;
            if source.members.len() + source.links.len() >= MOST {
                return Err(Error::TooLarge(format!("it has more than {MOST} files")));
            }
            match entry.kind {
                Kind::File => {
                    let member = source.copy(&mut archive)?;
                    source.members.insert(name, member);
                }
                Kind::SymbolicLink => {
                    let above = Path::new(&name).parent().unwrap_or(Path::new(""));
                    let to = above.join(OsStr::new(&*String::from_utf8_lossy(&entry.link)));
                    source.links.insert(name, inside(&to)?);
                }
                Kind::HardLink => {
                    source.links.insert(name, clean(&entry.link)?);
                }
                Kind::Directory => {}
                _ => return Err(Error::Hostile(format!("{} is neither file nor directory", entry.shown()))),
            }
        }
        if !archive.has_ended() {
            return Err(Error::Damaged("it ends in the middle".into()));
        }
        drain(stream)?;
        Ok(source)
    }

    /// A directory; its files are copied when they are asked for.
    pub(super) fn directory(work: &'a Work, path: &Path) -> Result<Self> {
        let directory = doing(format!("cannot read {}", path.display()), File::open(path))?;
        Ok(Self { work, members: HashMap::new(), links: HashMap::new(), directory: Some(directory) })
    }

    /// Whether there is such a file.
    pub(super) fn has(&mut self, name: &str) -> bool {
        self.find(name).is_ok_and(|found| found.is_some())
    }

    /// The file of this name.
    pub(super) fn member(&mut self, name: &str) -> Result<Member> {
        let missing = || Error::Damaged(format!("there is no {} in it", shown(name.as_bytes())));
        self.find(name)?.ok_or_else(missing)
    }

    fn find(&mut self, name: &str) -> Result<Option<Member>> {
        let mut name = clean(name.as_bytes())?;
        // Links to links are none that anybody writes.
        if let Some(target) = self.links.get(&name) {
            name.clone_from(target);
        }
        if let Some(member) = self.members.get(&name) {
            return Ok(Some(member.clone()));
        }
        let Some(directory) = &self.directory else { return Ok(None) };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let opened =
            openat2(directory.as_fd(), Path::new(&name), OFlags::RDONLY | OFlags::NONBLOCK, 0, resolve);
        let file = match opened {
            Ok(file) => File::from(file),
            Err(error) if error.errno == Errno::ENOENT => return Ok(None),
            Err(error) if error.errno == Errno::ELOOP => {
                return Err(Error::Hostile(format!(
                    "the way to {} goes through a symbolic link",
                    shown(name.as_bytes())
                )));
            }
            Err(error) => return Err(error.into()),
        };
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(Error::Hostile(format!("{} is no file", shown(name.as_bytes()))));
        }
        let member = self.copy(&mut { file })?;
        self.members.insert(name, member.clone());
        Ok(Some(member))
    }

    /// A small file as a whole.
    pub(super) fn json(&mut self, name: &str) -> Result<Vec<u8>> {
        let member = self.member(name)?;
        if member.size > LONGEST {
            return Err(Error::Hostile(format!("{} has {} bytes", shown(name.as_bytes()), member.size)));
        }
        let mut bytes = vec![];
        doing(format!("cannot read {}", member.path.display()), member.open()?.read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    /// The file that a descriptor describes, and nothing else.
    pub(super) fn blob(&mut self, descriptor: &Descriptor) -> Result<Member> {
        let name = blob_name(descriptor);
        let member = self.member(&name)?;
        let Member { digest, size, .. } = &member;
        if *digest != descriptor.digest {
            return Err(Error::Damaged(format!("{name} has the digest {digest}")));
        }
        if *size != descriptor.size {
            let said = descriptor.size;
            return Err(Error::Damaged(format!("{name} has {size} bytes, and should have {said}")));
        }
        Ok(member)
    }

    /// The same, as a whole.
    pub(super) fn json_blob(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.blob(descriptor)?;
        self.json(&blob_name(descriptor))
    }

    fn copy(&self, content: &mut impl Read) -> Result<Member> {
        let name = format!("member-{}", crate::machine::random());
        let (path, mut file) = (self.work.path(&name), self.work.file(&name)?);
        let mut hash = Hash::new(content);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match hash.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(reading(error)),
            };
            let written = io::Write::write_all(&mut file, &buffer[..count]);
            doing(format!("cannot write {}", path.display()), written)?;
        }
        doing(format!("cannot write {}", path.display()), file.rewind())?;
        let size = hash.count();
        Ok(Member { path, digest: hash.digest(), size })
    }
}

fn blob_name(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", descriptor.digest.hex())
}

/// A name as members are known by.
fn clean(path: &[u8]) -> Result<String> {
    let text = str::from_utf8(path).map_err(|_| Error::Hostile(format!("{} is no text", shown(path))))?;
    inside(Path::new(text))
}

/// Where a path leads, without looking, if that is inside of the archive.
fn inside(path: &Path) -> Result<String> {
    use std::path::Component;
    let refuse = || Error::Hostile(format!("{} leads out of it", shown(path.as_os_str().as_encoded_bytes())));
    let mut parts = vec![];
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop().ok_or_else(refuse)?),
            Component::RootDir | Component::Prefix(_) => return Err(refuse()),
        }
    }
    Ok(parts.join("/"))
}
