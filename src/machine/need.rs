//! What a lesson needs, and whether this machine has it.

use std::fmt;

use serde::Serialize;

use super::explain::{Refusal, explain};
use super::{Machine, Mode, trial};
use crate::kernel::cgroup::{Controller, Group};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::seccomp::Filter;
use crate::kernel::{self, fs, process};

/// Something that a lesson cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// This kernel or a newer one.
    Kernel(u32, u32),
    /// A namespace kind that this user can make.
    Namespace(Kind),
    /// A cgroup controller that this user can set limits with.
    Controller(Controller),
    /// The overlay file system, mounted by this user.
    Overlay,
    /// The same in a user namespace, whoever asks.
    RootlessOverlay,
    /// System call filters.
    Seccomp,
    /// A program.
    Program(&'static str),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Need::Kernel(major, minor) => write!(f, "Linux {major}.{minor} or newer"),
            Need::Namespace(kind) => write!(f, "{kind} namespaces"),
            Need::Controller(controller) => write!(f, "the {controller} controller"),
            Need::Overlay => f.write_str("overlayfs"),
            Need::RootlessOverlay => f.write_str("overlayfs in a user namespace"),
            Need::Seccomp => f.write_str("seccomp filters"),
            Need::Program(name) => write!(f, "the program {name}"),
        }
    }
}

/// Whether a lesson runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// With root's powers.
    Runs,
    /// In a user namespace of this ordinary user.
    RunsWithoutRoot,
    /// Not.
    Cannot(Refusal),
}

impl From<Result<Mode, Refusal>> for Verdict {
    fn from(ready: Result<Mode, Refusal>) -> Self {
        match ready {
            Ok(Mode::Root) => Verdict::Runs,
            Ok(Mode::UserNamespace { .. }) => Verdict::RunsWithoutRoot,
            Err(refusal) => Verdict::Cannot(refusal),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Verdict::Runs => "runs",
            Verdict::RunsWithoutRoot => "runs without root",
            Verdict::Cannot(_) => "cannot",
        })
    }
}

impl Need {
    /// Look, or try: whether it is met, and if not, what stands in the way.
    pub fn examine(self, machine: &Machine, mode: Mode) -> Result<(), Refusal> {
        let tried = match self {
            Need::Kernel(major, minor) => return kernel_at_least(&machine.release, (major, minor)),
            Need::Program(name) => return program(name),
            Need::Controller(controller) => return usable(machine, controller),
            Need::Namespace(kind) => trial::attempt(|| {
                mode.enter()?;
                unshare(&[kind])
            }),
            Need::Overlay => trial::attempt(|| mount_overlay(mode)),
            Need::RootlessOverlay => trial::attempt(|| mount_overlay(Mode::of_user())),
            Need::Seccomp => trial::attempt(|| {
                process::set_no_new_privs()?;
                Filter::allowing(["write", "exit_group", "close"]).install()
            }),
        };
        tried.map_err(|error| explain(&error))
    }
}

fn mount_overlay(mode: Mode) -> kernel::Result<()> {
    mode.enter()?;
    ["lower", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    mount("overlay", "merged", "overlay", Flags::empty(), "lowerdir=lower,upperdir=upper,workdir=work")
}

fn kernel_at_least(release: &str, wanted: (u32, u32)) -> Result<(), Refusal> {
    let mut numbers = release.split(|sign: char| !sign.is_ascii_digit()).map_while(|part| part.parse().ok());
    let has: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if has >= wanted {
        return Ok(());
    }
    let (major, minor) = wanted;
    Err(Refusal::new(
        format!("this kernel is {release}, and Linux {major}.{minor} or newer is needed"),
        "boot a newer kernel",
    ))
}

fn program(name: &'static str) -> Result<(), Refusal> {
    if crate::probe::programs::find(name).is_some() {
        return Ok(());
    }
    Err(Refusal::new(
        format!("the program {name} is not on PATH"),
        format!("install it, on Debian: sudo apt install {}", package(name)),
    ))
}

/// The package that has a program, on Debian and on Fedora.
fn package(program: &str) -> &str {
    match program {
        "mount" | "nsenter" | "unshare" => "util-linux",
        other => other,
    }
}

fn usable(machine: &Machine, controller: Controller) -> Result<(), Refusal> {
    let Some(hierarchies) = &machine.hierarchies else {
        return Err(Refusal::new("/proc is not mounted", "mount -t proc proc /proc"));
    };
    match Group::plan(hierarchies, "glassbox", &[controller]) {
        Ok(_) => Ok(()),
        Err(missing) => Err(Refusal::from(&missing)),
    }
}
