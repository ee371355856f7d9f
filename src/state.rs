//! The user's state directory, `$XDG_STATE_HOME/glassbox`, and how files in it are written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The state directory; it may not exist yet.
pub fn directory() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    base.map(|base| base.join("glassbox"))
}

/// What a file is called until it is whole: behind this comes the number of its writer.
const UNFINISHED: &str = "new-";

/// Write a whole file so that a reader, or a power cut, finds the old or the new content and nothing between.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    replace(path, content, File::sync_all)
}

/// The same for what a power cut makes worthless: nothing waits for the disk, and afterwards the file can be empty.
pub fn write_at_once(path: &Path, content: &[u8]) -> io::Result<()> {
    replace(path, content, |_| Ok(()))
}

fn replace(path: &Path, content: &[u8], finish: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    // What another writer has left is no reason not to write.
    let _ = remove_unfinished(dir);
    let new = path.with_extension(format!("{UNFINISHED}{}", std::process::id()));
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(content)?;
        finish(&file)
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Remove the files in `dir` whose writer was killed before they were whole; how many there were.
pub fn remove_unfinished(dir: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        let writer = path.extension().and_then(|extension| extension.to_str()?.strip_prefix(UNFINISHED));
        let writer = writer.and_then(|number| number.parse::<u32>().ok());
        if writer.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            fs::remove_file(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}
