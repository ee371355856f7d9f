//! Where benches run: a directory on the disk with a root file system, and glassbox with an image of it.

#![allow(dead_code, reason = "each bench uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program that is measured, as it was built.
const GLASSBOX: &str = env!("CARGO_BIN_EXE_glassbox");

/// The name of the image.
pub(crate) const IMAGE: &str = "bench";

/// A program that does nothing, and one that waits until it is ended. Static: what a program costs is not measured.
const PROGRAMS: [(&str, &str); 2] = [
    ("true", "int main(void) { return 0; }"),
    ("wait", "#include <unistd.h>\nint main(void) { for (;;) pause(); }"),
];

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A directory that is gone afterwards.
pub(crate) struct Arena {
    dir: tempfile::TempDir,
}

impl Arena {
    /// With `rootfs`, and an image of it.
    pub(crate) fn new() -> Self {
        // `/tmp` is often not on a disk.
        let dir = tempfile::Builder::new().prefix("glassbox-bench-").tempdir_in("/var/tmp").unwrap();
        let arena = Self { dir };
        std::fs::copy(GLASSBOX, arena.path("installed")).unwrap();
        let root = arena.path("rootfs");
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        for (name, source) in PROGRAMS {
            let file = arena.path(&format!("{name}.c"));
            std::fs::write(&file, source).unwrap();
            arena.compile(&file, &root.join("bin").join(name));
        }
        let (tar, archive) = (arena.path("rootfs.tar"), "rootfs.tar");
        run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg("."));
        run(arena.glassbox(&["import", archive, IMAGE]).current_dir(arena.dir.path()));
        arena
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().into()
    }

    /// A static program from a file of C. As with glassbox it is a copy that is measured, as whoever installs a program
    /// has it: what a linker has written bit by bit is in small pieces in the page cache, and takes a tenth longer to start.
    pub(crate) fn compile(&self, source: &Path, program: &Path) {
        let built = self.path("built");
        run(Command::new("cc").args(["-O2", "-static", "-o"]).arg(&built).arg(source));
        std::fs::copy(built, program).unwrap();
    }

    /// glassbox, with a state directory in here.
    pub(crate) fn glassbox(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("installed"));
        command.args(arguments).env("XDG_STATE_HOME", self.dir.path()).stdin(Stdio::null());
        command
    }
}

/// A command that has to succeed: what it writes.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
