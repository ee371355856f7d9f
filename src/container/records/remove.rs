//! A container is removed: what the kernel keeps of it first, its record last.

use std::fs;
use std::io;
use std::path::Path;

use super::{Entry, Id, Record, Records};
use crate::container::error::{Result, doing};

impl Record {
    /// Remove the container, which has ended, with all that it wrote.
    ///
    /// Whoever is killed in the middle of it leaves a record that says so; the next command goes on.
    pub fn remove(&self) -> Result<()> {
        self.happened(&Entry::Removing)?;
        if let Some(container) = self.container()? {
            self.release(&container)?;
        }
        let link = self.records.name(&self.created.name);
        // The name can belong to another container by now.
        if fs::read_link(&link).is_ok_and(|target| self.id.as_ref().starts_with(&*target.to_string_lossy())) {
            doing(format!("cannot remove {}", link.display()), gone(fs::remove_file(&link)))?;
        }
        self.created.spec.storage.driver().remove(&self.records.upper(&self.id));
        self.records.clear(&self.id)
    }
}

impl Records {
    /// Remove the files of a container, its journal last.
    pub(super) fn clear(&self, id: &Id) -> Result<()> {
        let (upper, dir) = (self.upper(id), self.dir(id));
        // Most containers have written nothing.
        if gone(fs::remove_dir(&upper)).is_err() {
            self.users.remove_tree(&upper)?;
        }
        let work = dir.join("work");
        if clear_work(&work).is_err() {
            self.users.remove_tree(&work)?;
        }
        for name in ["logs", "journal"] {
            let file = dir.join(name);
            doing(format!("cannot remove {}", file.display()), gone(fs::remove_file(&file)))?;
        }
        doing(format!("cannot remove {}", dir.display()), gone(fs::remove_dir(&dir)))
    }
}

/// Overlayfs's own directory, with the mark that a `volatile` mount leaves in it.
fn clear_work(work: &Path) -> io::Result<()> {
    if gone(fs::remove_dir(work)).is_ok() {
        return Ok(());
    }
    let incompat = work.join("incompat");
    let volatile = incompat.join("volatile");
    gone(fs::remove_file(volatile.join("dirty")))?;
    [volatile, incompat, work.into()].into_iter().try_for_each(|dir| gone(fs::remove_dir(dir)))
}

/// That it is gone already is as good.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
