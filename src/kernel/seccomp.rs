//! Seccomp: a program in the kernel that looks at every system call before it is made.
//!
//! A [`Policy`] says what happens to which call; here it becomes a program of classic BPF. The numbers with the
//! same answer are put together into ranges and found by binary search, so a call costs some eight comparisons,
//! where a list walked from the front would cost hundreds.
//! <https://docs.kernel.org/userspace-api/seccomp_filter.html>

mod listing;
mod policy;
mod program;

use nix::libc::sock_filter;

pub use listing::Line;
pub use policy::{Action, Comparison, Condition, Policy, Rule};

use super::arch::{self, Architecture};
use super::record::call;
use super::{Result, error, raw};

/// A compiled filter.
#[derive(Debug, Clone)]
pub struct Filter {
    program: Vec<sock_filter>,
    /// Whose numbers it knows.
    calls: fn() -> Vec<(u32, &'static str)>,
}

impl Filter {
    /// For the programs that this machine runs. Calls made with the numbers of another architecture end the process.
    pub fn new(policy: &Policy) -> Self {
        Self::compile(&arch::HERE, policy)
    }

    /// The same for programs of any architecture. Names that it does not have are passed over.
    pub fn compile(arch: &Architecture, policy: &Policy) -> Self {
        Self { program: program::compile(arch, policy), calls: arch.calls }
    }

    /// Its instructions.
    pub fn program(&self) -> &[sock_filter] {
        &self.program
    }

    /// Its instructions, as one reads them.
    pub fn listing(&self) -> Vec<Line> {
        listing::listing(&self.program, &(self.calls)())
    }

    /// Those that a call with this number passes, up to the answer, or to the first look at an argument.
    pub fn way(&self, number: u32) -> Vec<Line> {
        let lines = self.listing();
        listing::way(&self.program, number).into_iter().filter_map(|at| lines.get(at).cloned()).collect()
    }

    /// The most instructions that any call passes.
    pub fn depth(&self) -> usize {
        listing::depth(&self.program)
    }

    /// `seccomp(SECCOMP_SET_MODE_FILTER)`: install it, for this process and all that come from it.
    ///
    /// Needs `no_new_privs`, or else `CAP_SYS_ADMIN` in the user namespace.
    /// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
    pub fn install(&self) -> Result<()> {
        let args = || format!("SECCOMP_SET_MODE_FILTER, 0, {{len={}}}", self.program.len());
        call("seccomp", args, || raw::seccomp_set_filter(&self.program))
    }
}

/// `prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED)`: an attempt to be rid of all filters. The kernel has no such request.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn switch_off() -> Result<()> {
    use rustix::thread::{SecureComputingMode, set_secure_computing_mode};
    let args = || "PR_SET_SECCOMP, SECCOMP_MODE_DISABLED".into();
    call("prctl", args, || set_secure_computing_mode(SecureComputingMode::Disabled).map_err(error::errno))
}
