//! What happens to which system call.

use nix::libc;

use crate::kernel::Errno;

/// What happens to every system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy<'a> {
    /// What happens to calls that no rule is about.
    pub default: Action,
    /// The rules. For a call that has several, the first one without conditions decides; if there is none, the first
    /// one whose conditions hold: as libseccomp does it.
    pub rules: Vec<Rule<'a>>,
}

impl<'a> Policy<'a> {
    /// Allow the calls named, and refuse every other one with `EPERM`.
    pub fn allowing(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().collect();
        let rule = Rule { names, conditions: vec![], action: Action::Allow };
        Self { default: Action::refuse(Errno::EPERM), rules: vec![rule] }
    }
}

/// What happens to some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The names of the calls.
    pub names: Vec<&'a str>,
    /// What has to be true of the arguments: all of it.
    pub conditions: Vec<Condition>,
    /// What then happens.
    pub action: Action,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is made, and written into the audit log.
    Log,
    /// It fails with this errno.
    Errno(u16),
    /// The process gets `SIGSYS`.
    Trap,
    /// The thread ends.
    KillThread,
    /// The process ends.
    KillProcess,
}

impl Action {
    /// It fails with an errno that has a name.
    pub fn refuse(errno: Errno) -> Self {
        Action::Errno(errno as u16)
    }

    /// What the filter returns to the kernel.
    /// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
    pub fn value(self) -> u32 {
        match self {
            Action::Allow => libc::SECCOMP_RET_ALLOW,
            Action::Log => libc::SECCOMP_RET_LOG,
            Action::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
            Action::Trap => libc::SECCOMP_RET_TRAP,
            Action::KillThread => libc::SECCOMP_RET_KILL_THREAD,
            Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }

    /// What happens to calls that are newer than glassbox. Where unnamed ones fail, they do so as on an older
    /// kernel: the C library then falls back to what was there before.
    pub(super) fn of_newer_calls(self) -> Self {
        match self {
            Action::Errno(_) => Action::refuse(Errno::ENOSYS),
            other => other,
        }
    }
}

/// Something about an argument of a call, as a number of 64 bits without a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub argument: u8,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub value: u64,
}

/// How an argument is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `≠`
    NotEqual,
    /// `<`
    Less,
    /// `≤`
    LessOrEqual,
    /// `>`
    Greater,
    /// `≥`
    GreaterOrEqual,
    /// `=`, where only the bits of the mask count.
    MaskedEqual {
        /// The bits that count.
        mask: u64,
    },
}
