//! What `COPY` and `ADD` take: files of the context, of another stage, or of an image. Nothing leads out of there.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::FileType;

use super::fault;
use super::ignore::{Ignore, is_match, is_pattern};
use crate::image::digest::Hash;
use crate::image::error::{Error, Result, doing};
use crate::image::merged::{Directory, Found};
use crate::image::tar::shown;

/// Where files are taken from.
pub(super) struct Sources {
    /// Their root.
    pub(super) root: Directory,
    /// What of them does not count.
    pub(super) ignore: Ignore,
    /// What it is called: `the context`.
    pub(super) called: String,
}

/// What one source means.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    /// Where it really is, below the root.
    pub(super) path: PathBuf,
    /// What it is called at its target; a directory gives what is in it.
    pub(super) name: OsString,
    /// The file; nothing for the root itself.
    pub(super) file: Option<Found>,
    /// What is in it, if it is a directory.
    pub(super) directory: Option<Directory>,
}

impl Sources {
    /// What a source means: one file or directory, or with `*` and its like any number of them.
    pub(super) fn select(&self, source: &str) -> Result<Vec<Selected>> {
        let mut depth = 0;
        for part in Path::new(source).components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::ParentDir => depth -= 1,
                _ => {}
            }
            if depth < 0 {
                let hint = "move the file into it, or build from a directory above: glassbox build -f DOCKERFILE DIRECTORY";
                return Err(fault(format!("{source} leads out of {}", self.called), hint));
            }
        }
        let source_path = super::ignore::clean(Path::new(source));
        let mut paths = vec![PathBuf::new()];
        for part in &source_path {
            paths = paths.iter().map(|path| self.below(path, part)).collect::<Result<Vec<_>>>()?.concat();
        }
        let is_single = !is_pattern(source_path.as_os_str());
        let mut selected = vec![];
        for path in paths {
            let way = self.root.resolve(&path)?;
            if !way.is_there() || self.leaves_out(&way.path, way.last()) {
                if is_single && way.is_there() {
                    let hint = "take it in again there: !NAME";
                    return Err(fault(
                        format!("{source} is left out of {} by .dockerignore", self.called),
                        hint,
                    ));
                }
                continue;
            }
            let file = way.last().cloned();
            let directory = match &file {
                Some(file) => file.directory.clone(),
                None => Some(self.root.clone()),
            };
            let name = path.file_name().unwrap_or_default().into();
            selected.push(Selected { path: way.path, name, file, directory });
        }
        if selected.is_empty() {
            return Err(fault(format!("{source} is not in {}", self.called), self.likely(&source_path)?));
        }
        Ok(selected)
    }

    /// The paths that a part of a source means in a directory.
    fn below(&self, dir: &Path, part: &OsStr) -> Result<Vec<PathBuf>> {
        if !is_pattern(part) {
            return Ok(vec![dir.join(part)]);
        }
        let names = self.names(dir)?;
        let matching = names.iter().filter(|name| is_match(part.as_bytes(), name.as_bytes()));
        Ok(matching.map(|name| dir.join(name)).collect())
    }

    fn names(&self, dir: &Path) -> Result<BTreeSet<OsString>> {
        let way = self.root.resolve(dir)?;
        match way.last() {
            None if way.found.is_empty() && way.is_there() => self.root.names(),
            Some(Found { directory: Some(directory), .. }) => directory.names(),
            _ => Ok(BTreeSet::new()),
        }
    }

    /// What somebody may have meant.
    fn likely(&self, path: &Path) -> Result<String> {
        let (dir, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        let names = self.names(dir).unwrap_or_default();
        let likeness = |other: &&OsString| {
            (strsim::jaro_winkler(&name.to_string_lossy(), &other.to_string_lossy()) * 1000.0) as u32
        };
        let nearest = names.iter().max_by_key(likeness).filter(|other| likeness(other) >= 800);
        Ok(match nearest {
            Some(other) => format!("did you mean {}?", shown(dir.join(other).as_os_str().as_bytes())),
            None => format!("paths are those below {}", self.called),
        })
    }

    /// Whether a file does not count. A directory does if something below it may.
    fn leaves_out(&self, path: &Path, file: Option<&Found>) -> bool {
        let is_directory = file.is_none_or(|file| file.directory.is_some());
        !path.as_os_str().is_empty()
            && self.ignore.leaves_out(path)
            && !(is_directory && self.ignore.takes_in_somewhere())
    }

    /// Everything in a directory, each directory before what is in it: its path below this one, and the file.
    pub(super) fn walk(
        &self,
        directory: &Directory,
        at: &Path,
        see: &mut dyn FnMut(&Path, &Found) -> Result<()>,
    ) -> Result<()> {
        self.walk_below(directory, at, Path::new(""), see).map(drop)
    }

    /// Whether something in it counts.
    fn walk_below(
        &self,
        directory: &Directory,
        at: &Path,
        inside: &Path,
        see: &mut dyn FnMut(&Path, &Found) -> Result<()>,
    ) -> Result<()> {
        for name in directory.names()? {
            let (at, inside) = (at.join(&name), inside.join(&name));
            // It can have gone meanwhile.
            let Some(file) = directory.look(&name)? else { continue };
            if self.leaves_out(&at, Some(&file)) {
                continue;
            }
            if name.as_bytes().starts_with(b".wh.") {
                let name = shown(inside.as_os_str().as_bytes());
                return Err(Error::Unsupported(format!(
                    "{name}: layers mean by such a name that a file is gone"
                )));
            }
            see(&inside, &file)?;
            if let Some(below) = &file.directory {
                self.walk_below(below, &at, &inside, see)?;
            }
        }
        Ok(())
    }

    /// A digest of all that is selected: of names, modes and contents, and of no times.
    pub(super) fn digest(&self, selected: &[Selected]) -> Result<String> {
        let mut hash = Hash::new(io::sink());
        for one in selected {
            put(&mut hash, one.name.as_bytes())?;
            if let Some(file) = &one.file {
                put_file(&mut hash, file)?;
            }
            if let Some(directory) = &one.directory {
                self.walk(directory, &one.path, &mut |path, file| {
                    put(&mut hash, path.as_os_str().as_bytes())?;
                    put_file(&mut hash, file)
                })?;
            }
        }
        Ok(hash.digest().to_string())
    }
}

fn put_file(hash: &mut Hash<io::Sink>, file: &Found) -> Result<()> {
    put(hash, &file.stat.st_mode.to_le_bytes())?;
    for (name, value) in file.attributes()? {
        put(hash, name.as_bytes())?;
        put(hash, &value)?;
    }
    match file.kind() {
        FileType::RegularFile => {
            put(hash, &file.stat.st_size.to_le_bytes())?;
            doing("cannot read the context", io::copy(&mut file.open()?, hash)).map(drop)
        }
        FileType::Symlink => put(hash, &file.link()?),
        _ => put(hash, &file.stat.st_rdev.to_le_bytes()),
    }
}

/// Bytes with their length before them: what follows each other cannot be taken for something else.
fn put(hash: &mut Hash<io::Sink>, bytes: &[u8]) -> Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    doing("cannot compute a digest", hash.write_all(&length).and_then(|()| hash.write_all(bytes)))
}
