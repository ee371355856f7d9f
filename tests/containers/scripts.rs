//! Scripts that were written for docker: they run unchanged with its name for ours.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use crate::common::{finish, trial};
use crate::host::Host;

pub(crate) fn trials() -> Vec<Trial> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/scripts");
    let mut scripts: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    scripts.into_iter().map(|path| trial(format!("script: {}", name(&path)), move || run(&path))).collect()
}

/// It ends well, and says at last what it was all about.
fn run(path: &Path) {
    let Some(host) = Host::new("scripts") else { return };
    let script = std::fs::read_to_string(path).unwrap();
    let ran =
        finish(&mut host.home.script(&format!("set -eu\ndocker() {{ \"$glassbox\" \"$@\"; }}\n{script}")));
    assert_eq!(ran.code, Some(0), "{}: {ran}", path.display());
    assert!(ran.out.ends_with("done\n"), "{}: {ran}", path.display());
}
