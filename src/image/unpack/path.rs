//! The names of an archive's entries: what may be in them, and what they mean.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::image::error::{Error, Result};
use crate::image::tar::shown;

/// The longest path that the kernel takes, `PATH_MAX` without the end; and the longest name, `NAME_MAX`.
const LONGEST_PATH: usize = (1 << 12) - 1;
const LONGEST_NAME: usize = 255;

/// Where an entry belongs below the root: its directory, and its name in it. The root itself is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Place {
    pub(in crate::image) parent: PathBuf,
    pub(in crate::image) name: PathBuf,
}

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// The root directory.
    Root,
    /// Something of that name.
    Entry(Place),
    /// What lower layers have of that name is gone.
    Whiteout(Place),
    /// Nothing of lower layers shows in this directory, which is the root if it is empty.
    Opaque(PathBuf),
    /// Bookkeeping of AUFS, which had whiteouts first.
    Nothing,
}

impl Place {
    pub(in crate::image) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }
}

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const OF_AUFS: &[u8] = b".wh..wh.";

/// What the name of an entry says.
pub(super) fn meaning(path: &[u8]) -> Result<Means> {
    let Some(place) = place(path)? else { return Ok(Means::Root) };
    let name = place.name.as_os_str().as_bytes();
    if place.parent.iter().any(|part| part.as_bytes().starts_with(WHITEOUT)) {
        return Err(Error::Hostile(format!("{} is inside of a whiteout", shown(path))));
    }
    if name == OPAQUE {
        return Ok(Means::Opaque(place.parent));
    }
    if name.starts_with(OF_AUFS) {
        return Ok(Means::Nothing);
    }
    match name.strip_prefix(WHITEOUT) {
        None => Ok(Means::Entry(place)),
        Some(b"" | b"." | b"..") => Err(Error::Hostile(format!("{} is a whiteout of no file", shown(path)))),
        Some(gone) => {
            let name = Path::new(OsStr::from_bytes(gone)).to_path_buf();
            Ok(Means::Whiteout(Place { parent: place.parent, name }))
        }
    }
}

/// Where a path leads; `None` is the root.
pub(in crate::image) fn place(path: &[u8]) -> Result<Option<Place>> {
    let refuse = |why: &str| Err(Error::Hostile(format!("the path {} {why}", shown(path))));
    if path.contains(&0) {
        return refuse("has a zero byte in it");
    }
    if path.is_empty() {
        return refuse("is empty");
    }
    if path.starts_with(b"/") && path.iter().any(|byte| *byte != b'/') {
        return refuse("is absolute, and would lead out of the image");
    }
    if path.len() > LONGEST_PATH {
        return refuse("is longer than any can be");
    }
    let mut parts: Vec<&[u8]> = vec![];
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return refuse("has .. in it, and would lead out of the image"),
            part if part.len() > LONGEST_NAME => return refuse("has a name longer than any can be"),
            part => parts.push(part),
        }
    }
    let Some((name, parent)) = parts.split_last() else { return Ok(None) };
    let parent = parent.iter().map(|part| OsStr::from_bytes(part)).collect();
    Ok(Some(Place { parent, name: Path::new(OsStr::from_bytes(name)).into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() -> Result<()> {
        let place = |path: &[u8]| place(path).map(|place| place.map(|place| place.path()));
        assert_eq!(place(b"./a//b/./c")?, Some("a/b/c".into()));
        for root in [&b"."[..], b"./", b"/"] {
            assert_eq!(place(root)?, None);
        }
        let name = [b'a'; 256];
        for bad in [&b"/etc"[..], b"..", b"a/../b", b"a/..", b"a\0b", b"", &name] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
        Ok(())
    }

    #[test]
    fn whiteouts_have_names_of_their_own() -> Result<()> {
        let place = |name: &str| Place { parent: "a".into(), name: name.into() };
        assert_eq!(meaning(b"a/.wh.b")?, Means::Whiteout(place("b")));
        assert_eq!(meaning(b"a/.wh..wh..opq")?, Means::Opaque("a".into()));
        assert_eq!(meaning(b"a/.wh..wh.plnk")?, Means::Nothing);
        assert_eq!(meaning(b"a/b.wh.c")?, Means::Entry(place("b.wh.c")));
        for bad in [&b"a/.wh."[..], b"a/.wh..", b"a/.wh...", b".wh.a/b"] {
            assert!(meaning(bad).is_err(), "{bad:?}");
        }
        Ok(())
    }
}
