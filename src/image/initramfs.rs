//! A root file system in one file, from which a kernel unpacks it into its memory before the first process: a cpio
//! archive in the form that Linux calls `newc`.
//! <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::tiny::Error;

/// Everything in the directory `root`, whose owner is root inside.
pub fn pack(root: &Path) -> super::Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add_tree(root, b"")?;
    archive.add(b"TRAILER!!!", 0, b"");
    Ok(archive.bytes)
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: usize,
}

impl Archive {
    /// What is in a directory, under the name `inside`.
    fn add_tree(&mut self, dir: &Path, inside: &[u8]) -> Result<(), Error> {
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = readable(dir, entries)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = [inside, entry.file_name().as_bytes()].concat();
            let meta = readable(&path, fs::symlink_metadata(&path))?;
            if meta.is_dir() {
                self.add(&name, meta.mode(), b"");
                self.add_tree(&path, &[&name, &b"/"[..]].concat())?;
            } else if meta.is_symlink() {
                let target = readable(&path, fs::read_link(&path))?;
                self.add(&name, meta.mode(), target.as_os_str().as_bytes());
            } else {
                self.add(&name, meta.mode(), &readable(&path, fs::read(&path))?);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &[u8], mode: u32, content: &[u8]) {
        self.entries += 1;
        let (number, length, name_length) = (self.entries, content.len(), name.len() + 1);
        // Inode, mode, user, group, links, time, length, four numbers of devices, length of the name, a checksum.
        let fields = [number, mode as usize, 0, 0, 1, 0, length, 0, 0, 0, 0, name_length, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
    }

    /// Everything begins at a multiple of four.
    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

fn readable<T>(path: &Path, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|error| Error::Unreadable { path: path.to_path_buf(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel's own unpacking is the lesson's to prove; here is the form of each entry.
    #[test]
    fn every_entry_is_there_once_and_aligned() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("etc"))?;
        fs::write(dir.path().join("etc/motd"), "hello")?;
        std::os::unix::fs::symlink("etc/motd", dir.path().join("link"))?;
        let archive = pack(dir.path())?;
        let (mut rest, mut found) = (archive.as_slice(), vec![]);
        while !rest.is_empty() {
            let field = |at: usize| usize::from_str_radix(&String::from_utf8_lossy(&rest[at..at + 8]), 16);
            let (mode, length, name) = (field(14)?, field(54)?, field(94)?);
            let content = (110 + name).next_multiple_of(4);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(rest.starts_with(b"070701"));
            found.push((
                text(&rest[110..109 + name]),
                mode & 0o170_000,
                text(&rest[content..content + length]),
            ));
            rest = &rest[(content + length).next_multiple_of(4)..];
        }
        let entry = |name: &str, kind, content: &str| (name.to_string(), kind, content.to_string());
        let wanted = [
            entry("etc", 0o040_000, ""),
            entry("etc/motd", 0o100_000, "hello"),
            entry("link", 0o120_000, "etc/motd"),
            entry("TRAILER!!!", 0, ""),
        ];
        assert_eq!(found, wanted);
        Ok(())
    }
}
