//! Finish the job of runs that could not: their janitor was killed too, or the machine went down.

use std::io;
use std::path::Path;

use super::ledger::{self, Trace};

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Runs that are over and of which nothing is left now.
    pub settled: Vec<String>,
    /// Runs that are still going on.
    pub running: Vec<String>,
    /// Things that could not be removed, a sentence each.
    pub left: Vec<String>,
}

/// Settle every ledger in `runs` whose director is gone.
pub fn sweep(runs: &Path) -> io::Result<Swept> {
    let mut swept = Swept::default();
    let entries = match std::fs::read_dir(runs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(swept),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "ledger") {
            continue;
        }
        let run = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let alive = ledger::read(&path)?
            .iter()
            .any(|trace| matches!(trace, Trace::Director(identity) if identity.is_alive()));
        if alive {
            swept.running.push(run);
            continue;
        }
        let left = ledger::settle(&path)?;
        if left.is_empty() {
            swept.settled.push(run);
        }
        swept.left.extend(left);
    }
    Ok(swept)
}
