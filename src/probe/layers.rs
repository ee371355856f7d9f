//! What the layers of an overlay hold, and what overlayfs has written down in them.
//! <https://docs.kernel.org/filesystems/overlayfs.html>

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files::is_whiteout;
use super::{Reading, Result, unreadable};
use crate::kernel::Errno;

/// Whether a directory of an upper layer hides those of its name in the layers below: `y`.
///
/// Who mounts without being root has the mark under another name, for `trusted` ones are root's.
pub fn opaque(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let marked = |name| {
        let mut value = [0; 8];
        match rustix::fs::getxattr(dir, name, &mut value) {
            Ok(length) => Ok(Some(String::from_utf8_lossy(&value[..length]).into_owned())),
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(unreadable(dir, error)),
        }
    };
    let mut text = "(none)".to_string();
    let mut source = "overlay.opaque";
    for name in ["user.overlay.opaque", "trusted.overlay.opaque"] {
        if let Some(mark) = marked(name)? {
            (text, source) = (mark, name);
        }
    }
    let name = dir.display();
    Ok(Reading::new(format!("opaque {name}"), format!("{name} {source}"), text))
}

/// How many names a file has.
pub fn names(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let links = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?.nlink();
    let name = path.display();
    Ok(Reading::new(format!("names of {name}"), format!("{name} st_nlink"), links.to_string()))
}

/// What a descriptor reads from the beginning of its file, without the line end: at most a few bytes.
pub fn read_open(file: impl AsFd, name: &str) -> Result<Reading> {
    let mut content = [0; 64];
    let read = nix::sys::uio::pread(file, &mut content, 0);
    let length = read.map_err(|errno: Errno| unreadable(Path::new(name), errno.desc()))?;
    let text = String::from_utf8_lossy(&content[..length]).trim_end().to_string();
    Ok(Reading::new(name, format!("pread() of {name}"), text))
}

/// How many bytes can still be stored on the file system of a directory.
pub fn room(dir: impl AsRef<Path>) -> Result<u64> {
    let dir = dir.as_ref();
    let stat = rustix::fs::statvfs(dir).map_err(|error| unreadable(dir, error))?;
    Ok(stat.f_bavail * stat.f_frsize)
}

/// How long a file this process may make: `ulimit -f`.
/// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
pub fn longest_file() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current.unwrap_or(u64::MAX)
}

/// The number of a file on its file system. For a file of a layer, an overlay shows the layer's number.
pub fn inode(path: impl AsRef<Path>) -> Result<Reading> {
    let path = path.as_ref();
    let inode = fs::symlink_metadata(path).map_err(|error| unreadable(path, error))?.ino();
    let name = path.display();
    Ok(Reading::new(format!("inode of {name}"), format!("{name} st_ino"), inode.to_string()).varying())
}

/// Everything below a directory that is no directory itself, by its path from there, sorted.
pub fn tree(dir: impl AsRef<Path>) -> Result<Vec<String>> {
    let mut paths = vec![];
    walk(dir.as_ref(), "", &mut |path, _| paths.push(path.to_string()))?;
    paths.sort();
    Ok(paths)
}

/// The same as a reading; a whiteout is shown as such.
pub fn files(dir: impl AsRef<Path>) -> Result<Reading> {
    let dir = dir.as_ref();
    let mark = |path: String| match is_whiteout(&dir.join(&path)) {
        true => format!("{path} (whiteout)"),
        false => path,
    };
    let paths: Vec<String> = tree(dir)?.into_iter().map(mark).collect();
    let text = if paths.is_empty() { "(empty)".into() } else { paths.join("  ") };
    Ok(Reading::new(dir.display().to_string(), format!("{} and below", dir.display()), text))
}

/// How many bytes the files below a directory take, as `du` counts: a file with several names once.
pub fn disk_use(dir: impl AsRef<Path>) -> Result<u64> {
    const BLOCK: u64 = 512; // st_blocks counts in these, whatever the file system does
    let dir = dir.as_ref();
    let mut files = BTreeMap::new();
    walk(dir, "", &mut |_, meta| {
        files.insert((meta.dev(), meta.ino()), meta.blocks() * BLOCK);
    })?;
    Ok(files.values().sum())
}

fn walk(dir: &Path, below: &str, visit: &mut dyn FnMut(&str, &fs::Metadata)) -> Result<()> {
    let failed = |error| unreadable(dir, error);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        let meta = fs::symlink_metadata(entry.path()).map_err(|error| unreadable(&entry.path(), error))?;
        if meta.is_dir() {
            walk(&entry.path(), &format!("{path}/"), visit)?;
        } else {
            visit(&path, &meta);
        }
    }
    Ok(())
}
