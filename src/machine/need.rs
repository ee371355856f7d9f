//! What a lesson needs, and whether this machine has it.

use std::fmt;

use serde::Serialize;

use super::ordinary::{self, ORDINARY};
use super::refusal::{Attempt, Refusal, explain};
use super::{Machine, Mode, trial};
use crate::kernel::block::Loop;
use crate::kernel::capability;
use crate::kernel::cgroup::{Controller, Group, IO_WRITE_MAX};
use crate::kernel::link;
use crate::kernel::mount::{Flags, bind, mount};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::seccomp::{Filter, Policy};
use crate::kernel::{self, Errno, fs, net, nftables, process, uts};
use crate::probe::programs::find;
use crate::probe::{around, kernel_image};

/// Something that a lesson cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// This kernel or a newer one.
    Kernel(u32, u32),
    /// A namespace kind that this user can make, and use.
    Namespace(Kind),
    /// A user namespace that an ordinary user can make, and use, whoever asks.
    OrdinaryUserNamespace,
    /// A cgroup controller that this user can set limits with.
    Controller(Controller),
    /// The same for a part of a lesson, which is left out without it.
    ControllerForAPart(Controller),
    /// Quotas of CPU time, without which a kernel can be built that has the cpu controller.
    CpuQuota,
    /// Device nodes: made by root, bound by others.
    Devices,
    /// Loop devices, which root attaches and nobody else.
    Loop,
    /// A `/proc` of one's own, which some containers do not let anybody mount.
    Proc,
    /// The overlay file system, mounted by this user.
    Overlay,
    /// The same in a user namespace, whoever asks.
    RootlessOverlay,
    /// System call filters.
    Seccomp,
    /// To mark a file with capabilities, for whoever executes it.
    FileCapabilities,
    /// That programs gain privileges by being executed: whoever starts glassbox can have forbidden it.
    NewPrivileges,
    /// Network interfaces of a kind, made by this user in a network of his own.
    Link(link::Kind),
    /// To forward packets in a network of one's own, and to translate their addresses.
    Nat,
    /// A program.
    Program(&'static str),
    /// A kernel to boot a virtual machine with, which this user can read.
    KernelImage,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Need::Kernel(major, minor) => write!(f, "Linux {major}.{minor} or newer"),
            Need::Namespace(kind) => write!(f, "{kind} namespaces"),
            Need::OrdinaryUserNamespace => f.write_str("user namespaces of ordinary users"),
            Need::Controller(Controller::Cpuacct) => f.write_str("the CPU time accounts of cgroups"),
            Need::Controller(Controller::Freezer) => f.write_str("the freezer of cgroups"),
            Need::Loop => f.write_str("loop devices"),
            Need::Controller(controller) => write!(f, "the {controller} controller"),
            Need::ControllerForAPart(controller) => write!(f, "for a part the {controller} controller"),
            Need::CpuQuota => f.write_str("quotas of CPU time"),
            Need::Devices => f.write_str("device nodes"),
            Need::Proc => f.write_str("a /proc of one's own"),
            Need::Overlay => f.write_str("overlayfs"),
            Need::RootlessOverlay => f.write_str("overlayfs in a user namespace"),
            Need::Seccomp => f.write_str("seccomp filters"),
            Need::FileCapabilities => f.write_str("capabilities of files"),
            Need::NewPrivileges => f.write_str("programs that gain privileges"),
            Need::Link(kind) => write!(f, "{kind} interfaces"),
            Need::Nat => f.write_str("address translation"),
            Need::Program(name) => write!(f, "the program {name}"),
            Need::KernelImage => f.write_str("a kernel image"),
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
    /// What `glassbox run` cannot do without.
    pub const OF_A_CONTAINER: &[Self] = &[
        Self::Overlay,
        Self::Namespace(Kind::Mnt),
        Self::Namespace(Kind::Uts),
        Self::Namespace(Kind::Ipc),
        Self::Namespace(Kind::Pid),
        Self::Namespace(Kind::Net),
        Self::Namespace(Kind::Cgroup),
        Self::Proc,
        Self::Devices,
        Self::Seccomp,
    ];

    /// The cgroup controller that this is about.
    pub fn controller(self) -> Option<Controller> {
        match self {
            Need::Controller(controller) | Need::ControllerForAPart(controller) => Some(controller),
            _ => None,
        }
    }

    /// Look, or try: whether it is met, and if not, what stands in the way.
    pub(super) fn examine(self, machine: &Machine, mode: Mode) -> Result<(), Refusal> {
        let tried = match self {
            Need::Kernel(major, minor) if around::is_at_least((major, minor)) => return Ok(()),
            Need::Kernel(major, minor) => return Err(explain(Attempt::version(major, minor))),
            Need::Program(name) if find(name).is_some() => return Ok(()),
            Need::Program(name) => return Err(explain(Attempt::program(name))),
            Need::KernelImage => return readable_kernel(mode),
            Need::Controller(controller) => return usable(machine, controller),
            Need::ControllerForAPart(_) => return Ok(()),
            Need::NewPrivileges if around::may_gain_privileges() => return Ok(()),
            Need::NewPrivileges => return Err(explain(Attempt::new_privileges())),
            Need::CpuQuota if around::has_cpu_quota() => return Ok(()),
            Need::CpuQuota => return Err(explain(Attempt::cpu_quota())),
            Need::Namespace(kind) => trial::attempt(|| {
                mode.enter()?;
                unshare(&[kind])?;
                match kind {
                    Kind::Uts => uts::sethostname("glassbox"),
                    Kind::Net => net::loopback_up(),
                    _ => Ok(()),
                }
            }),
            Need::OrdinaryUserNamespace => trial::attempt(|| {
                mode.enter()?;
                if ordinary::has_one() {
                    ordinary::become_user(ORDINARY)?;
                }
                unshare(&[Kind::User])?;
                unshare(&[Kind::Uts])?;
                uts::sethostname("glassbox")
            }),
            Need::FileCapabilities => trial::attempt(|| {
                mode.enter()?;
                fs::create("program", "")?;
                capability::mark("program", capability::Set::DAC_OVERRIDE)
            }),
            Need::Link(kind) => trial::attempt(|| {
                mode.enter()?;
                unshare(&[Kind::Net])?;
                kind.attempt()
            }),
            Need::Nat => trial::attempt(|| {
                mode.enter()?;
                unshare(&[Kind::Net])?;
                net::forward_packets()?;
                nftables::masquerade("attempt", "lo")?;
                nftables::publish("attempt", nftables::Protocol::Udp, 1, net::loopback(1))
            }),
            Need::Devices => trial::attempt(|| {
                mode.enter()?;
                if !mode.is_rootless() {
                    return fs::mknod("null", 1, 3);
                }
                fs::create("null", "")?;
                bind("/dev/null", "null")
            }),
            Need::Loop => trial::attempt(|| {
                mode.enter()?;
                // Whoever lists loop devices just then shall see whose it is.
                const FILE: &str = "glassbox-attempt";
                fs::create_sparse(FILE, 1 << 20)?;
                Loop::attach(FILE).map(drop)
            }),
            Need::Proc => trial::attempt(|| {
                mode.enter()?;
                unshare(&[Kind::Pid])?;
                // The first process in the new namespace.
                trial::attempt(|| mount("proc", "/proc", "proc", Flags::empty(), ""))
            }),
            Need::Overlay => trial::attempt(|| mount_overlay(mode)),
            Need::RootlessOverlay => trial::attempt(|| mount_overlay(Mode::of_user())),
            Need::Seccomp => trial::attempt(|| {
                process::set_no_new_privs()?;
                Filter::new(&Policy::allowing(NEEDED_TO_REPORT)).install()
            }),
        };
        tried.map_err(|error| explain(&error))
    }
}

/// The system calls with which a trial goes on to tell its outcome. Where the clock is not to be read without the
/// kernel, as in many virtual machines, that is one of them.
const NEEDED_TO_REPORT: [&str; 8] =
    ["brk", "clock_gettime", "clock_gettime64", "close", "exit_group", "mmap", "munmap", "write"];

fn mount_overlay(mode: Mode) -> kernel::Result<()> {
    mode.enter()?;
    ["lower", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    mount("overlay", "merged", "overlay", Flags::empty(), "lowerdir=lower,upperdir=upper,workdir=work")
}

/// As a lesson opens it, which has a `/tmp` of its own.
fn readable_kernel(mode: Mode) -> Result<(), Refusal> {
    let image = kernel_image::path();
    let opened = trial::attempt(|| {
        mode.enter()?;
        fs::open(&image).map(drop)
    });
    opened.map_err(|refused| explain(Attempt::kernel_image(&image, refused.errno)))
}

fn usable(machine: &Machine, controller: Controller) -> Result<(), Refusal> {
    let hierarchies = machine.hierarchies.as_ref().map_err(Refusal::clone)?;
    let group = Group::plan(hierarchies, "glassbox", &[controller]).map_err(|missing| explain(&missing))?;
    if controller == Controller::Io { throttles(&group).map_err(|error| explain(&error)) } else { Ok(()) }
}

/// A kernel can have the controller to count only.
fn throttles(group: &Group) -> kernel::Result<()> {
    let file = group.path(IO_WRITE_MAX)?;
    let args = format!("\"{}\"", file.display());
    let missing = kernel::Error { call: "open", args, errno: Errno::ENOENT };
    if group.may_have(IO_WRITE_MAX)? { Ok(()) } else { Err(missing) }
}
