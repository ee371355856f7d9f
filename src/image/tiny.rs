//! The image `tiny`: a root file system made on the spot from the machine's own programs and the libraries
//! that they need. No download, and the same on every distribution's layout.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::digest::Hash;
use super::import::{self, About};
use super::libraries::Libraries;
use super::store::{Image, Store};
use super::{Execution, Reference, load, pack};
use crate::kernel::{self, fs as kfs};
use crate::machine::Attempt;
use crate::probe::programs;

/// Why it could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not there.
    #[error("this machine has no program {0}")]
    Program(String),
    /// A library is not there.
    #[error("the library {library}, which {} needs, was not found", program.display())]
    Library {
        /// Who needs it.
        program: PathBuf,
        /// Its name.
        library: String,
    },
    /// A file is not what it should be.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The kernel refused to write it.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
}

impl From<&Error> for Attempt {
    fn from(error: &Error) -> Self {
        match error {
            Error::Program(name) => Attempt::program(name),
            Error::Library { program, library } => Attempt::library(library, program),
            Error::Unreadable { path, why } => Attempt::image_file(path, why),
            Error::Kernel(error) => error.into(),
        }
    }
}

/// What a shell session cannot do without.
const NEEDED: [&str; 3] = ["sh", "ls", "cat"];
/// What is taken along where the machine has it.
const WELCOME: [&str; 17] = [
    "cp", "df", "env", "grep", "head", "hostname", "id", "mkdir", "mount", "ps", "rm", "sleep", "stat",
    "true", "umount", "uname", "wc",
];
/// Where the rest is mounted, or put by whoever uses the image.
const DIRECTORIES: [&str; 7] = ["bin", "dev", "etc", "proc", "root", "sys", "tmp"];

/// What went into the image.
#[derive(Debug, Clone)]
pub struct Tiny {
    /// The names of its programs.
    pub programs: Vec<String>,
    /// How many libraries they need together.
    pub libraries: usize,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What it is called in the store.
const NAME: &str = "tiny";

/// Whether this image is meant.
pub(super) fn is_meant(reference: &str) -> bool {
    let full = |text: &str| Reference::parse(text).ok().map(|name| name.full());
    full(reference).is_some() && full(reference) == full(NAME)
}

/// Make it a proper image of the store.
pub(super) fn make(store: &Store) -> super::Result<Image> {
    let work = store.work()?;
    let root = work.directory("tiny")?;
    build(&root)?;
    // Everybody may write there, and nobody removes what is another's.
    kfs::chmod(root.join("tmp"), 0o1777).map_err(Error::from)?;
    let root = super::error::doing("cannot read the image tiny", File::open(&root))?;
    let target = Hash::new(work.file("layer")?);
    let layer = pack::layer(root.as_fd(), pack::Owners::Root, &BTreeSet::new(), target)?;
    let (size, digest) = (layer.count(), layer.digest());
    let layer = super::error::doing("cannot read the image tiny", File::open(work.path("layer")))?;
    let execution = Execution {
        env: Some(vec!["PATH=/bin".into()]),
        cmd: Some(vec!["/bin/sh".into()]),
        ..Execution::default()
    };
    let name = Some(Reference::parse(NAME)?);
    let created_by = Some("glassbox: programs of this machine, and the libraries that they need".into());
    let about = About { name, execution, created_by, ..About::default() };
    Ok(import::layer(store, &work, layer, (digest, size), about, load::LIMIT)?.0)
}

/// Make it in the empty directory `root`.
pub fn build(root: &Path) -> super::Result<Tiny> {
    Ok(fill(root)?)
}

fn fill(root: &Path) -> Result<Tiny, Error> {
    DIRECTORIES.iter().try_for_each(|dir| kfs::mkdir(root.join(dir)))?;
    kfs::create(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    kfs::create(root.join("etc/group"), "root:x:0:\n")?;
    let mut tiny = Tiny { programs: vec![], libraries: 0, bytes: 0 };
    let (mut search, mut libraries) = (Libraries::new(), BTreeSet::new());
    for name in NEEDED.iter().chain(&WELCOME) {
        let Some(program) = programs::find(name) else {
            if NEEDED.contains(name) {
                return Err(Error::Program((*name).into()));
            }
            continue;
        };
        match search.of(&program) {
            Ok(needed) => libraries.extend(needed),
            // A script, or a program whose libraries are elsewhere: the image does without it.
            Err(_) if !NEEDED.contains(name) => continue,
            Err(error) => return Err(error),
        }
        tiny.bytes += install(&program, &root.join("bin").join(name))?;
        tiny.programs.push((*name).into());
    }
    for library in &libraries {
        let inside = root.join(library.strip_prefix("/").unwrap_or(library));
        make_parents(root, &inside)?;
        tiny.bytes += install(library, &inside)?;
    }
    // With the same cache the loader finds the same libraries.
    let cache = Path::new("/etc/ld.so.cache");
    if cache.is_file() {
        tiny.bytes += install(cache, &root.join("etc/ld.so.cache"))?;
    }
    tiny.libraries = libraries.len();
    Ok(tiny)
}

fn install(from: &Path, to: &Path) -> Result<u64, Error> {
    kfs::copy(from, to)?;
    fs::metadata(to)
        .map(|meta| meta.len())
        .map_err(|error| Error::Unreadable { path: to.to_path_buf(), why: error.to_string() })
}

/// The directories between `root` and a file in it.
fn make_parents(root: &Path, file: &Path) -> Result<(), Error> {
    let parents: Vec<&Path> = file.ancestors().skip(1).take_while(|dir| *dir != root).collect();
    for dir in parents.into_iter().rev().filter(|dir| !dir.exists()) {
        kfs::mkdir(dir)?;
    }
    Ok(())
}
