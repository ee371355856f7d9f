//! Why the kernel refused, on this very machine, and the one thing to do about it.

use std::fmt;
use std::fs;

use serde::Serialize;

use crate::kernel::cgroup::{Missing, Version};
use crate::kernel::namespace::Kind;
use crate::kernel::{self, Errno};

/// A refusal, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What stands in the way, a sentence without a full stop.
    pub why: String,
    /// The one thing to do.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.why, self.hint)
    }
}

impl Refusal {
    /// Put together.
    pub fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

/// A fact about this machine that forbids user namespaces.
struct Bar {
    /// The file that shows it, and what it then says.
    file: &'static str,
    value: &'static str,
    why: &'static str,
    hint: &'static str,
}

/// Looked at in this order when a user namespace is refused.
const BARS: &[Bar] = &[
    Bar {
        file: "/proc/sys/user/max_user_namespaces",
        value: "0",
        why: "user namespaces are switched off (user.max_user_namespaces is 0)",
        hint: "sudo sysctl user.max_user_namespaces=15000, or run glassbox as root",
    },
    Bar {
        file: "/proc/sys/kernel/unprivileged_userns_clone",
        value: "0",
        why: "ordinary users may not make user namespaces (kernel.unprivileged_userns_clone is 0)",
        hint: "sudo sysctl kernel.unprivileged_userns_clone=1, or run glassbox as root",
    },
    Bar {
        file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        value: "1",
        why: "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
        hint: "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run glassbox as root",
    },
];

fn says(file: &str, value: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|content| content.trim() == value)
}

/// What this machine says about user namespaces: each setting that it has, and its value.
pub fn user_namespace_policy() -> Vec<(String, String)> {
    let sysctl = |bar: &Bar| {
        let name = bar.file.trim_start_matches("/proc/sys/").replace('/', ".");
        Some((name, fs::read_to_string(bar.file).ok()?.trim().to_string()))
    };
    let mut policy: Vec<_> = BARS.iter().filter_map(sysctl).collect();
    let filter = crate::probe::process::status("self", "Seccomp");
    let filter = filter.map_or("unknown", |mode| if mode.text == "0" { "none" } else { "there is one" });
    policy.push(("a seccomp filter around this process".into(), filter.into()));
    policy
}

/// How many namespaces of a kind may be made.
fn limit_file(kind: Kind) -> String {
    format!("/proc/sys/user/max_{kind}_namespaces")
}

/// Explain a call that was refused while the stage was set or a need was tried.
pub fn explain(error: &kernel::Error) -> Refusal {
    let about_namespaces = matches!(error.call, "unshare" | "clone3" | "write" | "open" | "mount");
    let denied = matches!(error.errno, Errno::EPERM | Errno::EACCES | Errno::ENOSPC | Errno::EINVAL);
    let ordinary = !nix::unistd::geteuid().is_root();
    if about_namespaces
        && denied
        && (ordinary || error.errno == Errno::ENOSPC)
        && let Some(bar) = BARS.iter().find(|bar| says(bar.file, bar.value))
    {
        return Refusal::new(bar.why, bar.hint);
    }
    // These limits hold for root, too.
    if matches!(error.call, "unshare" | "clone3")
        && error.errno == Errno::ENOSPC
        && let Some(kind) = Kind::ALL.into_iter().find(|kind| says(&limit_file(*kind), "0"))
    {
        let setting = format!("user.max_{kind}_namespaces");
        return Refusal::new(
            format!("{kind} namespaces are switched off ({setting} is 0)"),
            format!("sudo sysctl {setting}=15000"),
        );
    }
    let filtered = crate::probe::process::status("self", "Seccomp").is_ok_and(|mode| mode.text == "2");
    if filtered && denied {
        return Refusal::new(
            format!("a seccomp filter around this process forbids {} ({:?})", error.call, error.errno),
            "glassbox is inside of another container: start that one with --privileged, or run glassbox outside of it",
        );
    }
    match (error.call, error.errno) {
        ("mount", Errno::ENODEV) => Refusal::new(
            format!("this kernel does not have the file system of {}({})", error.call, error.args),
            "load its module as root, for overlayfs: sudo modprobe overlay",
        ),
        ("mount", Errno::EPERM) if error.args.contains("overlay") => Refusal::new(
            "this kernel lets nobody but root mount overlayfs",
            "boot Linux 5.11 or newer, or run glassbox as root",
        ),
        ("unshare" | "clone3", Errno::EINVAL) => Refusal::new(
            format!("this kernel does not have the namespaces of {}({})", error.call, error.args),
            "use a kernel that has them: every distribution's own does",
        ),
        (_, Errno::EPERM | Errno::EACCES) => Refusal::new(
            format!("the kernel refused {}({}) to this user: {:?}", error.call, error.args, error.errno),
            "run glassbox as root, for example with sudo",
        ),
        _ => Refusal::new(error.to_string(), "`glassbox doctor` shows what this machine allows"),
    }
}

impl From<&Missing> for Refusal {
    fn from(missing: &Missing) -> Self {
        let hint = match missing {
            Missing::Controller(controller) => {
                format!("boot a kernel that has it, and without cgroup_disable={controller}")
            }
            Missing::NotDelegated { version: Version::V1, .. } => {
                "run glassbox as root: version 1 of cgroups is not handed on to ordinary users".into()
            }
            Missing::NotDelegated { version: Version::V2, .. } => {
                "run glassbox as root, or where systemd runs: systemd-run --user --scope -p Delegate=yes glassbox".into()
            }
        };
        Refusal::new(missing.to_string(), hint)
    }
}
