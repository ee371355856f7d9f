//! Files and directories: what is in them, and proof that it stayed the same.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Reading, Result, unreadable};

/// The names in a directory, sorted; a whiteout, overlayfs's mark for "deleted", is shown as such.
pub fn listing(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let mut names = vec![];
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, error))? {
        let entry = entry.map_err(|error| unreadable(dir, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let mark = if is_whiteout(&entry.path()) { " (whiteout)" } else { "" };
        names.push(format!("{name}{mark}"));
    }
    names.sort();
    let text = if names.is_empty() { "(empty)".to_string() } else { names.join("  ") };
    Ok(Reading::new(dir.display().to_string(), dir.display().to_string(), text))
}

/// Read an open file to its end, as a program does that looks at every byte; returns how many there were.
pub fn read_through(file: &fs::File) -> Result<u64> {
    let copied = std::io::copy(&mut &*file, &mut std::io::sink());
    copied.map_err(|error| unreadable(Path::new("an open file"), error))
}

/// The name of the file system that an open file is on, if it is one that keeps content on a disk and
/// copies of it in the page cache.
pub fn disk_file_system(file: &fs::File) -> Option<&'static str> {
    const ON_DISK: [(i64, &str); 4] =
        [(0xef53, "ext4"), (0x5846_5342, "xfs"), (0x9123_683e, "btrfs"), (0xf2f5_2010, "f2fs")];
    let magic = rustix::fs::fstatfs(file).ok()?.f_type as i64;
    ON_DISK.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

/// Whether overlayfs marks `path` as deleted: a character device with the number 0:0.
pub fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0)
}

/// SHA-256 over every name and content below a directory, shortened to twelve digits.
///
/// A sparse file counts with its length and its data, so that a file of a gigabyte of nothing costs nothing.
pub fn fingerprint(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let mut hash = Sha256::new();
    hash_tree(dir, &mut hash)?;
    let digits: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(Reading::new(
        format!("sha256 of {}", dir.display()),
        format!("{} (names and content)", dir.display()),
        digits,
    ))
}

fn hash_tree(dir: &Path, hash: &mut Sha256) -> Result<()> {
    let failed = |error| unreadable(dir, error);
    let mut entries =
        fs::read_dir(dir).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let meta = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, error))?;
        hash.update(entry.file_name().as_encoded_bytes());
        hash.update(meta.len().to_le_bytes());
        if meta.is_dir() {
            hash_tree(&path, hash)?;
        } else if meta.is_file() && meta.blocks() > 0 {
            hash.update(fs::read(&path).map_err(|error| unreadable(&path, error))?);
        }
    }
    Ok(())
}
