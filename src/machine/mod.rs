//! What this machine can do, found by trying it, and what stands in the way of the rest.
//!
//! [`Need`] is what a lesson requires; `doctor`, the runner and every refusal use the same list.

mod explain;
mod mode;
mod need;
mod trial;

pub use explain::{Refusal, explain, user_namespace_policy};
pub use mode::Mode;
pub use need::{Need, Verdict};

use crate::kernel::cgroup::{Hierarchies, Layout};

/// The machine, as far as it has been looked at.
pub struct Machine {
    /// `uname -r`.
    pub release: String,
    /// The effective user.
    pub uid: u32,
    /// The powers that lessons run with here, or why there are none.
    pub mode: Result<Mode, Refusal>,
    /// The cgroup trees.
    pub hierarchies: Option<Hierarchies>,
}

impl Machine {
    /// Look at it.
    pub fn examine() -> Self {
        Self {
            release: release(),
            uid: nix::unistd::geteuid().as_raw(),
            mode: Mode::choose(),
            hierarchies: Hierarchies::detect().ok(),
        }
    }

    /// Its cgroup layout.
    pub fn layout(&self) -> Layout {
        self.hierarchies.as_ref().map_or(Layout::None, Hierarchies::layout)
    }

    /// The powers that something with these needs runs with here, or the first thing that stands in its way.
    pub fn ready(&self, needs: &[Need]) -> Result<Mode, Refusal> {
        let mode = self.mode.clone()?;
        needs.iter().try_for_each(|need| need.examine(self, mode))?;
        Ok(mode)
    }
}

/// `uname -r`.
fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

/// A number that nobody can foresee.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // Seeded by the kernel's random numbers, anew in each process.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
