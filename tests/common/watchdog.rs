//! A test that hangs is ended and named, with all of its program: whoever waits for the tests shall not wait forever.

use std::io::Write;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Each thing that a test waits for has a deadline of its own; this is for what was forgotten.
const LIMIT: Duration = Duration::from_secs(600);

static RUNNING: Mutex<Vec<(String, Instant)>> = Mutex::new(vec![]);

/// A test that runs.
pub(super) struct Running(String);

impl Running {
    pub(super) fn begin(name: String) -> Self {
        with(|running| running.push((name.clone(), Instant::now())));
        Self(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        with(|running| running.retain(|(name, _)| *name != self.0));
    }
}

/// Watch until the program ends.
#[allow(clippy::disallowed_methods, reason = "tests start programs, and unshare nothing of their own")]
pub(super) fn start() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            let hanging = with(|running| {
                let late = running.iter().filter(|(_, since)| since.elapsed() > LIMIT);
                late.map(|(name, _)| name.clone()).collect::<Vec<_>>()
            });
            if !hanging.is_empty() {
                let line = format!("\nthese tests hang: {}\n", hanging.join(", "));
                let _ = std::io::stderr().write_all(line.as_bytes());
                std::process::exit(101);
            }
        }
    });
}

fn with<T>(change: impl FnOnce(&mut Vec<(String, Instant)>) -> T) -> T {
    change(&mut RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}
