//! The book builds, is whole, and works in a browser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;
mod chapters;
mod command;
mod directives;
mod events;
mod layouts;
mod links;
#[path = "../common/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("book")
}

/// The book, built once for all tests of this file.
fn built() -> &'static Path {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let page = glassbox::book::build(&source(), Some(directory.path())).unwrap();
        assert_eq!(page, directory.path().join("index.html"));
        directory
    });
    directory.path()
}

/// Every page, by its path below the book.
fn pages() -> Vec<(String, String)> {
    std::fs::read_dir(built())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}
