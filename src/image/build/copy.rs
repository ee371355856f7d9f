//! `COPY` and `ADD`: which files go where, as a layer.
//! <https://docs.docker.com/reference/dockerfile/#copy>

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::archive;
use super::fault;
use super::filling::Filling;
use super::sources::{Selected, Sources};
use crate::image::error::Result;
use crate::image::merged::Directory;

/// What is to be copied, variables put in.
pub(super) struct Order<'a> {
    pub(super) sources: &'a Sources,
    pub(super) selected: &'a [Selected],
    /// Where to, seen from inside; with a slash at its end it is a directory.
    pub(super) target: &'a str,
    /// Whether archives are unpacked.
    pub(super) unpacks: bool,
    pub(super) owner: (u32, u32),
    pub(super) mode: Option<u32>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Write the layer that an order puts on top of an image.
pub(super) fn layer<W: Write>(order: &Order, image: &Directory, target: W) -> Result<W> {
    let to = super::ignore::clean(Path::new(order.target));
    let way = image.resolve(&to)?;
    let is_directory = order.target.ends_with('/')
        || order.target.ends_with("/.")
        || to.as_os_str().is_empty()
        || way.last().is_some_and(|found| found.directory.is_some());
    if order.selected.len() > 1 && !is_directory {
        let hint = format!("end the target with a slash: {}/", order.target);
        return Err(fault(format!("several files cannot become one file {}", order.target), hint));
    }
    let mut filling = Filling::new(target, image, order.now).dressed(order.owner, order.mode);
    for selected in order.selected {
        match (&selected.directory, &selected.file) {
            (Some(directory), _) => tree(order, &mut filling, directory, selected, &to)?,
            (None, Some(file)) => {
                if order.unpacks && file.kind() == FileType::RegularFile && archive::is_one(file)? {
                    archive::unpack(file, &to, &mut filling)?;
                    continue;
                }
                let (dir, name) =
                    if is_directory { (to.clone(), selected.name.clone()) } else { divided(&way.path) };
                let dir = filling.directory(&dir)?;
                filling.copy(&dir.join(name), file)?;
            }
            (None, None) => {}
        }
    }
    filling.finish()
}

/// The directory of a path, and its name there.
fn divided(path: &Path) -> (PathBuf, OsString) {
    (path.parent().unwrap_or(Path::new("")).into(), path.file_name().unwrap_or_default().into())
}

/// What is in a directory, into another one.
fn tree<W: Write>(
    order: &Order,
    filling: &mut Filling<W>,
    directory: &Directory,
    selected: &Selected,
    to: &Path,
) -> Result<()> {
    let to = filling.directory(to)?;
    order.sources.walk(directory, &selected.path, &mut |path, file| filling.copy(&to.join(path), file))
}
