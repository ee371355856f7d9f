//! The mount table that a process sees.
//! <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::{Result, refused, text, unreadable};

/// A line of `/proc/PID/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mount {
    /// Where it is mounted, seen from the process's root.
    pub point: String,
    /// The number of the file system's device.
    pub device: String,
    /// Which directory of the file system is mounted.
    pub root: String,
    /// The type of file system.
    pub kind: String,
    /// What was mounted: a device, or any word.
    pub source: String,
    /// What it shares with other mounts: `shared:N` or `master:N` with the number of a peer group, `unbindable`.
    pub propagation: Vec<String>,
}

/// All of them that are below the process's root, in the order in which they were mounted.
pub fn mounts(who: impl Display) -> Result<Vec<Mount>> {
    let path = PathBuf::from(format!("/proc/{who}/mountinfo"));
    parse(&path, &text(&path)?)
}

/// Those that the caller itself sees, read through a `/proc` that was opened where there was one.
pub fn own_mounts(proc: &OwnedFd) -> Result<Vec<Mount>> {
    let path = PathBuf::from("/proc/self/mountinfo");
    let opened = rustix::fs::openat(proc, "self/mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let read = opened.map_err(io::Error::from).and_then(|file| io::read_to_string(File::from(file)));
    parse(&path, &read.map_err(|error| refused(&path, &error))?)
}

fn parse(path: &Path, content: &str) -> Result<Vec<Mount>> {
    let parsed: Option<Vec<Mount>> = content.lines().map(mount).collect();
    parsed.ok_or_else(|| unreadable(path, "it has a line that is not of a mount"))
}

impl Mount {
    /// Whether the other one shows the same files: the same directory of the same file system.
    pub fn shows_the_same(&self, other: &Self) -> bool {
        (&self.device, &self.root) == (&other.device, &other.root)
    }
}

/// `36 35 98:0 /dir /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mount(line: &str) -> Option<Mount> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let (device, root, point) = (place.next()?, place.next()?, place.next()?);
    let mut what = what.split(' ');
    Some(Mount {
        device: device.into(),
        root: unescaped(root),
        point: unescaped(point),
        propagation: place.skip(1).map(Into::into).collect(),
        kind: what.next()?.into(),
        source: unescaped(what.next()?),
    })
}

/// The kernel writes a blank in a path as `\040`; a backslash comes last, for it can stand before such a number.
fn unescaped(text: &str) -> String {
    let signs = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    signs.iter().fold(text.to_string(), |text, (code, sign)| text.replace(code, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_have_any_number_of_optional_fields() {
        let line = r"36 35 98:0 /a\040b /mnt/c\134040 rw,noatime master:1 shared:7 - fuse.x dev\011 rw";
        let shared = mount(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!((shared.root.as_str(), shared.point.as_str()), ("/a b", r"/mnt/c\040"));
        assert_eq!((shared.kind.as_str(), shared.source.as_str()), ("fuse.x", "dev\t"));
        assert_eq!(shared.propagation, ["master:1", "shared:7"]);
        let private = mount("36 35 98:0 / / rw - ext4 /dev/vda rw");
        assert_eq!(private.map(|mount| mount.propagation), Some(vec![]));
        assert_eq!(mount("36 35 98:0 / / rw"), None);
    }
}
