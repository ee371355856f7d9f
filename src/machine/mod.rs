//! What this machine can do, found by trying it, and what stands in the way of the rest.
//!
//! [`Need`] is what a lesson requires; `doctor`, the runner and every refusal use the same list.

mod mode;
mod need;
pub mod ordinary;
pub mod refusal;
pub mod scope;
mod trial;

pub use mode::Mode;
pub use need::{Need, Verdict};
pub use refusal::{Attempt, Refusal, explain};

use std::cell::RefCell;
use std::path::Path;

use crate::kernel::cgroup::{Hierarchies, Layout};
use crate::probe::{self, around};

/// The machine, as far as it has been looked at.
pub struct Machine {
    /// `uname -r`.
    pub release: String,
    /// The effective user.
    pub uid: u32,
    /// The powers that lessons run with here, or why there are none.
    pub mode: Result<Mode, Refusal>,
    /// The cgroup trees, or why they cannot be seen.
    pub hierarchies: Result<Hierarchies, Refusal>,
    /// What has been tried on it already.
    tried: RefCell<Vec<Tried>>,
}

/// What came of a need, with the powers that it was tried with.
type Tried = ((Need, Mode), Result<(), Refusal>);

impl Machine {
    /// Look at it.
    pub fn examine() -> Self {
        let hierarchies = probe::cgroup::hierarchies().map_err(|unreadable| explain(&unreadable));
        Self {
            release: around::release(),
            uid: nix::unistd::geteuid().as_raw(),
            mode: hierarchies.as_ref().map_err(Refusal::clone).and_then(|_| Mode::choose()),
            hierarchies,
            tried: RefCell::default(),
        }
    }

    /// The same, as somebody in this cgroup of version 2 has it.
    pub fn seen_from(self, group: &Path) -> Self {
        self.tried.borrow_mut().retain(|((need, _), _)| need.controller().is_none());
        Self { hierarchies: self.hierarchies.map(|trees| trees.seen_from(group)), ..self }
    }

    /// Its cgroup layout.
    pub fn layout(&self) -> Layout {
        self.hierarchies.as_ref().map_or(Layout::None, Hierarchies::layout)
    }

    /// The powers to perform something with even though a need is not met.
    pub fn likely_mode(&self) -> Mode {
        self.mode.clone().unwrap_or_else(|_| Mode::of_user())
    }

    /// The powers that something with these needs runs with here, or the first thing that stands in its way.
    pub fn ready(&self, needs: &[Need]) -> Result<Mode, Refusal> {
        let mode = self.mode.clone()?;
        needs.iter().try_for_each(|need| self.meets(*need, mode))?;
        Ok(mode)
    }

    /// Whether a need is met with these powers, and if not, what stands in the way. Many lessons need the same, and each
    /// trial takes a process: it is made once.
    pub fn meets(&self, need: Need, mode: Mode) -> Result<(), Refusal> {
        let known = self.tried.borrow().iter().find(|(asked, _)| *asked == (need, mode)).cloned();
        let (_, found) = known.unwrap_or_else(|| {
            let tried = ((need, mode), need.examine(self, mode));
            self.tried.borrow_mut().push(tried.clone());
            tried
        });
        found
    }
}

/// What decides about user namespaces here: each setting that there is, and its value.
pub fn user_namespace_policy() -> Vec<(String, String)> {
    const SETTINGS: [&str; 3] = [
        "user.max_user_namespaces",
        "kernel.unprivileged_userns_clone",
        "kernel.apparmor_restrict_unprivileged_userns",
    ];
    let value = |name: &str| {
        let file = Path::new("/proc/sys").join(name.replace('.', "/"));
        Some((name.to_string(), probe::file(file).ok()?.text))
    };
    let filter = if around::has_filter() { "there is one" } else { "none" };
    let around = [
        ("a seccomp filter around this process", filter.to_string()),
        ("an AppArmor profile around this process", around::profile().unwrap_or("none".into())),
    ];
    let settings = SETTINGS.into_iter().filter_map(value);
    settings.chain(around.map(|(name, value)| (name.to_string(), value))).collect()
}

/// A number that nobody can foresee.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // Seeded by the kernel's random numbers, anew in each process.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
