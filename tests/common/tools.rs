//! Programs that a test needs and a machine may lack.

use std::path::PathBuf;

/// The first of these programs that is on PATH. Without one the test is skipped, visibly; in CI a test that is
/// skipped for want of a tool is a failure.
pub(crate) fn tool(test: &str, names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        let message = format!("skipped: {test}: none of these is on PATH: {}", names.join(", "));
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
    }
    found
}
