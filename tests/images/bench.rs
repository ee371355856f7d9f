//! A place for images that one test has for itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glassbox::image::{Image, Store};

use crate::common::{Home, Ran, finish};

/// A home, and files beside the state directory.
pub(crate) struct Bench {
    pub(crate) home: Home,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { home: Home::new() }
    }

    /// Where a file is that the test makes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file with this content.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn images_dir(&self) -> PathBuf {
        self.home.state().join("images")
    }

    /// The program under test, which has to succeed: what it says.
    pub(crate) fn glassbox(&self, arguments: &[&str]) -> String {
        let ran = self.try_glassbox(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran.out
    }

    pub(crate) fn try_glassbox(&self, arguments: &[&str]) -> Ran {
        finish(self.home.glassbox([]).args(arguments))
    }

    /// Another program, which has to succeed, working in the home: what it says.
    pub(crate) fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.home.command(program);
        // A user's own settings and storage stay out of it, and so does the other way round.
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.env("CONTAINERS_CONF", "/dev/null").env("TMPDIR", self.home.path());
        let ran = finish(command.current_dir(self.home.path()).args(arguments));
        assert_eq!(ran.code, Some(0), "{program} {arguments:?}: {ran}");
        ran.out
    }

    /// Load an archive of this content.
    pub(crate) fn load(&self, content: &[u8]) -> Ran {
        let path = self.file("archive.tar", content);
        let ran = self.try_glassbox(&["load", "-i", path.to_str().unwrap()]);
        std::fs::remove_file(path).unwrap();
        ran
    }

    /// An image in the store, as the library sees it.
    pub(crate) fn image(&self, name: &str) -> Image {
        Store::open(&self.images_dir()).unwrap().image(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The directory of the only layer of an image.
    pub(crate) fn layer(&self, name: &str) -> PathBuf {
        let mut layers = self.image(name).layers;
        assert_eq!(layers.len(), 1, "{name}");
        layers.remove(0).path
    }

    /// Everything in the store: blobs, layers, and what should not be there.
    pub(crate) fn stored(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for dir in [".", "blobs/sha256", "layers", "tmp"] {
            let Ok(entries) = std::fs::read_dir(self.images_dir().join(dir)) else { continue };
            found.extend(
                entries.map(|entry| format!("{dir}/{}", entry.unwrap().file_name().to_string_lossy())),
            );
        }
        found
    }
}

/// Layers are unpacked with owners that this user may not remove himself.
impl Drop for Bench {
    fn drop(&mut self) {
        if self.images_dir().exists() {
            self.try_glassbox(&["prune", "--all", "--force"]);
        }
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
