//! What was tried and refused.

use std::io;
use std::path::Path;

use crate::kernel::cgroup::{Controller, Missing, Version};
use crate::kernel::error::{answer, io_errno};
use crate::kernel::{self, Errno, arch};
use crate::probe::Unreadable;

/// What can be tried, with the words that it gives to the sentences.
///
/// The first ones are system calls: each gives {call}, {args}, {errno} such as `EPERM`, and {answer}, which is
/// the same with its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tried {
    /// To make a user namespace, or to map somebody into it.
    UserNamespace,
    /// To make a namespace of another kind, or to enter one.
    Namespace,
    /// To make a process.
    Process,
    /// To mount `proc` or `sysfs`.
    Proc,
    /// To mount overlayfs.
    Overlay,
    /// To mount anything else, or to change the mount table.
    Mount,
    /// To set a seccomp filter.
    Filter,
    /// To set a rule of the packet filter.
    PacketRule,
    /// To set a rule that translates addresses.
    Translation,
    /// To change a setting of the network.
    NetworkSetting,
    /// To make a network interface: {module} is what the kernel has it from.
    Link,
    /// To attach a loop device.
    Loop,
    /// To limit input and output.
    Throttle,
    /// Any other call.
    OtherCall,
    /// To find a cgroup controller: {controller}, and {legacy} for its name in version 1.
    Controller,
    /// To find a place for a cgroup of version 1: {controller}, {mount} of the tree, {below} which none is.
    GroupV1,
    /// The same in version 2.
    GroupV2,
    /// To find quotas of CPU time.
    CpuQuota,
    /// To find that programs gain privileges by being executed.
    NewPrivileges,
    /// To find a program: {program}, {package}.
    Program,
    /// To read a kernel image: {path}, {answer}, {package} with one.
    KernelImage,
    /// To boot a virtual machine with a kernel image: {path}, {what}.
    Boot,
    /// To find a library: {library}, {program}.
    Library,
    /// To find a version of Linux: {version}.
    Version,
    /// To read kernel state: {path}, {answer}.
    State,
    /// To read a file for an image: {path}, {answer}.
    ImageFile,
    /// To find the state directory.
    Home,
    /// To write to the state directory: {what}, {answer}.
    StateDirectory,
    /// To have a file on a disk in the state directory.
    Disk,
    /// To write what the user asked for: {answer}.
    Output,
    /// To remove what is left of a run: {what}, {again}.
    Removal,
    /// To perform a lesson to its end: {how}.
    Performer,
    /// Anything else that the system does for glassbox: {what}, {answer}.
    System,
    /// Something that glassbox should have done right: {what}.
    Glassbox,
}

/// What was tried, what came back, and the words for the sentences.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What was tried.
    pub tried: Tried,
    /// What came back; 0 where it is no number.
    pub errno: Errno,
    words: Vec<(&'static str, String)>,
}

impl Attempt {
    /// Put together.
    pub fn new<const N: usize>(tried: Tried, errno: Errno, words: [(&'static str, String); N]) -> Self {
        Self { tried, errno, words: words.into() }
    }

    /// A word that it gives.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.iter().find(|(word, _)| *word == name).map(|(_, text)| text.as_str())
    }

    /// A program that is not there.
    pub fn program(name: &str) -> Self {
        let words = [("program", name.into()), ("package", package(name).into())];
        Self::new(Tried::Program, NONE, words)
    }

    /// A kernel image that cannot be read, or is not there.
    pub fn kernel_image(path: &Path, errno: Errno) -> Self {
        let words = [
            ("path", path.display().to_string()),
            ("answer", format!("{errno:?}, {}", errno.desc())),
            ("package", arch::HERE.machine.kernel.into()),
        ];
        Self::new(Tried::KernelImage, errno, words)
    }

    /// A virtual machine whose process 1 has never spoken; `what` happened instead.
    pub fn boot(path: &Path, what: String) -> Self {
        Self::new(Tried::Boot, NONE, [("path", path.display().to_string()), ("what", what)])
    }

    /// A kernel without quotas of CPU time.
    pub fn cpu_quota() -> Self {
        Self::new(Tried::CpuQuota, NONE, [])
    }

    /// A process whose programs gain nothing by being executed.
    pub fn new_privileges() -> Self {
        Self::new(Tried::NewPrivileges, NONE, [])
    }

    /// A library that is not there.
    pub fn library(name: &str, program: &Path) -> Self {
        let words = [("library", name.into()), ("program", program.display().to_string())];
        Self::new(Tried::Library, NONE, words)
    }

    /// A version of Linux that this one is older than.
    pub fn version(major: u32, minor: u32) -> Self {
        Self::new(Tried::Version, NONE, [("version", format!("{major}.{minor}"))])
    }

    /// A file for an image that cannot be read.
    pub fn image_file(path: &Path, why: &str) -> Self {
        let words = [("path", path.display().to_string()), ("answer", why.into())];
        Self::new(Tried::ImageFile, NONE, words)
    }

    /// Without a file on a disk in the state directory.
    pub fn disk() -> Self {
        Self::new(Tried::Disk, NONE, [])
    }

    /// Without a state directory.
    pub fn home() -> Self {
        Self::new(Tried::Home, NONE, [])
    }

    /// A file or directory in the state directory that cannot be written, or not be read.
    pub fn state_directory(path: &Path, error: &io::Error) -> Self {
        let what = format!("cannot write below {}", path.display());
        Self::new(Tried::StateDirectory, io_errno(error), [("what", what), ("answer", answer(error))])
    }

    /// Something that the system refused: a sentence of what was being done.
    pub fn system(what: impl Into<String>, error: &io::Error) -> Self {
        Self::new(Tried::System, io_errno(error), [("what", what.into()), ("answer", answer(error))])
    }

    /// A process of glassbox that ended before its time.
    pub fn ended(how: &str) -> Self {
        Self::new(Tried::Performer, NONE, [("how", how.into())])
    }

    /// What is left of a run and cannot be removed; `again` is the command that tries it again.
    pub fn leftover(what: String, again: String) -> Self {
        Self::new(Tried::Removal, NONE, [("what", what), ("again", again)])
    }

    /// Output that nobody takes.
    pub fn output(error: &io::Error) -> Self {
        Self::new(Tried::Output, io_errno(error), [("answer", answer(error))])
    }

    /// A fault of glassbox itself.
    pub fn fault(what: impl Into<String>) -> Self {
        Self::new(Tried::Glassbox, NONE, [("what", what.into())])
    }
}

/// What came back was no number.
const NONE: Errno = Errno::UnknownErrno;

/// The package that has a program, on Debian and on Fedora.
fn package(program: &str) -> &str {
    match program {
        "mount" | "nsenter" | "unshare" => "util-linux",
        "dd" => "coreutils",
        qemu if qemu == arch::HERE.machine.qemu => arch::HERE.machine.package,
        "mkfs.ext4" => "e2fsprogs",
        "mkfs.btrfs" => "btrfs-progs",
        other => other,
    }
}

impl From<&kernel::Error> for Attempt {
    fn from(error: &kernel::Error) -> Self {
        let kernel::Error { call, args, errno } = error;
        let has = |part: &str| args.contains(part);
        let tried = match *call {
            "unshare" | "clone3" | "setns" if has("CLONE_NEWUSER") => Tried::UserNamespace,
            "open" | "write" if has("/self/setgroups") || has("_map\"") => Tried::UserNamespace,
            "unshare" | "clone3" | "setns" if has("CLONE_NEW") => Tried::Namespace,
            "clone3" | "fork" => Tried::Process,
            "mount" if has("\"overlay\"") => Tried::Overlay,
            "mount" if has("\"proc\"") || has("\"sysfs\"") => Tried::Proc,
            "mount" | "umount2" | "pivot_root" => Tried::Mount,
            "seccomp" => Tried::Filter,
            "open" | "ioctl" if has("\"/dev/loop") => Tried::Loop,
            "open" | "write" if has("/io.max\"") || has("/blkio.throttle.") => Tried::Throttle,
            "sendto" if has("NFT_MSG_NEWRULE") => Tried::Translation,
            "open" | "write" if has("\"/proc/sys/net/") => Tried::NetworkSetting,
            "sendto" | "socket" if has("NETLINK_NETFILTER") => Tried::PacketRule,
            "sendto" if has("IFLA_INFO_KIND") => Tried::Link,
            _ => Tried::OtherCall,
        };
        let kind = args.split("IFLA_INFO_KIND=\"").nth(1).and_then(|rest| rest.split('"').next());
        let words = [
            ("module", kind.unwrap_or_default().into()),
            ("call", (*call).to_string()),
            ("args", error.told_args()),
            ("errno", format!("{errno:?}")),
            ("answer", format!("{errno:?}, {}", errno.desc())),
        ];
        Self::new(tried, *errno, words)
    }
}

impl From<&Missing> for Attempt {
    fn from(missing: &Missing) -> Self {
        let named = |controller: &Controller| ("controller", controller.to_string());
        match missing {
            Missing::Controller(controller) => {
                let legacy = ("legacy", controller.name_in(Version::V1).into());
                Self::new(Tried::Controller, NONE, [named(controller), legacy])
            }
            Missing::NotDelegated { controller, version, mount, below } => {
                let tried = if *version == Version::V1 { Tried::GroupV1 } else { Tried::GroupV2 };
                let path = |path: &Path| path.display().to_string();
                Self::new(tried, NONE, [named(controller), ("mount", path(mount)), ("below", path(below))])
            }
        }
    }
}

impl From<&Unreadable> for Attempt {
    fn from(Unreadable { path, why, .. }: &Unreadable) -> Self {
        Self::new(Tried::State, NONE, [("path", path.clone()), ("answer", why.clone())])
    }
}
