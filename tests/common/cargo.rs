//! The program built once more, in another way than for the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where `name` is built: in the directory in which cargo has built the program under test.
pub(crate) fn target_dir(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_glassbox"));
    program.ancestors().nth(2).unwrap().join(name)
}

/// cargo, where this user has one: the one that runs the tests, or that on PATH. It downloads nothing.
///
/// What it builds goes to a directory of its own: so it waits for no other cargo, and is quick the next time.
pub(crate) fn cargo(command: &str, target: &str, dir: &Path) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || std::env::split_paths(&path).map(|dir| dir.join("cargo")).find(|file| file.is_file());
    let mut cargo = Command::new(std::env::var_os("CARGO").map(PathBuf::from).or_else(on_path)?);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.args([command, "--offline", "--locked", "--quiet", "--bin", "glassbox", "--target", target]);
    cargo.arg("--target-dir").arg(dir);
    // Whatever it is built for, it is built once, runs once, and nobody debugs it.
    let quick = [
        ("CARGO_PROFILE_DEV_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_DEV_DEBUG", "none"),
        ("CARGO_INCREMENTAL", "0"),
    ];
    cargo.envs(quick);
    Some(cargo)
}

/// What the compiler says of itself; nothing where there is none.
pub(crate) fn rustc(args: &[&str]) -> Option<String> {
    let Output { status, stdout, .. } = Command::new("rustc").args(args).output().ok()?;
    status.success().then(|| String::from_utf8_lossy(&stdout).trim().to_string())
}
