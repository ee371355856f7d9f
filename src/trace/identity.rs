//! A process, told apart from any later one that gets the same number.

use serde::{Deserialize, Serialize};

use crate::kernel::{Pid, namespace, process};
use crate::probe;

/// A pid and the moment at which its process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number.
    pub pid: i32,
    /// In clock ticks since boot.
    pub started: u64,
}

impl Identity {
    /// The process that has this number now.
    pub fn of(pid: Pid) -> Option<Self> {
        let started = probe::process::start_time(pid).ok()?;
        Some(Self { pid: pid.as_raw(), started })
    }

    /// Its number.
    pub fn pid(self) -> Pid {
        Pid::from_raw(self.pid)
    }

    /// Whether it is still there, and not only waiting to be reaped.
    pub fn is_alive(self) -> bool {
        let zombie =
            || probe::process::status(self.pid, "State").is_ok_and(|state| state.text.starts_with('Z'));
        Self::of(self.pid()) == Some(self) && !zombie()
    }

    /// End it, and wait until it is gone.
    pub fn end(self) {
        const PATIENCE: u32 = 2000;
        // The descriptor names the process, not the number: a successor cannot be hit.
        let Ok(_holds_the_number) = namespace::pidfd_open(self.pid()) else { return };
        if !self.is_alive() || process::kill(self.pid(), process::Sig::SIGKILL).is_err() {
            return;
        }
        for _ in 0..PATIENCE {
            if !self.is_alive() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
