//! What can be so on a machine and bears on a refusal, and how it is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::Path;

use super::Attempt;
use super::table::TABLE;
use crate::kernel::cgroup::{Hierarchies, Layout};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::{Kind, unshare, unshare_in_vain};
use crate::kernel::{Errno, Refused};
use crate::machine::trial;
use crate::probe::{around, kernel_image, programs, systemd};

/// Something that is so on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The user is not root; who is root in a user namespace only is not, either.
    Ordinary,
    /// `/proc` is not mounted.
    NoProc,
    /// Windows' imitation of Linux: {distribution}.
    Wsl1,
    /// A Linux in a virtual machine of Windows.
    Wsl2,
    /// glassbox runs in {container}.
    Contained,
    /// A seccomp filter refuses the call even where the kernel would not get to do it.
    Filtered,
    /// The root directory is not that of the mount table.
    Chrooted,
    /// Something is mounted over parts of {tree}.
    Covered,
    /// The limit of user namespaces is 0.
    UserLimit,
    /// The limit is 0 for a {kind} that was asked for.
    KindLimit,
    /// Debian's switch keeps ordinary users from user namespaces.
    CloneSwitch,
    /// Ubuntu's switch takes away what they are worth.
    AppArmorSwitch,
    /// AppArmor confines this process by its {profile}.
    Confined,
    /// A user namespace is granted, and AppArmor's profile {inner} leaves no capabilities in it.
    Powerless,
    /// Not even a user namespace alone is granted.
    NoneAtAll,
    /// The kernel was built without a {kind} of namespace that was asked for.
    NoKind,
    /// The kernel is older than 5.11.
    OldOverlay,
    /// The modules of this kernel are not there.
    NoModules,
    /// The path is on the stage, whose file system is in memory.
    InMemory,
    /// The kernel is older than 6.6.
    OldTmpfs,
    /// No cgroup file system is mounted.
    NoTree,
    /// There are cgroup trees of version 1.
    V1Mounted,
    /// The controller was switched off at boot.
    BootedWithout,
    /// The kernel has the controller, switched off.
    SwitchedOff,
    /// The kernel has the controller.
    BuiltIn,
    /// The kernel has the controller in version 2.
    InV2,
    /// The cgroup tree is mounted read-only.
    ReadOnlyTree,
    /// systemd runs this machine.
    Systemd,
    /// It does not.
    NoSystemd,
    /// systemd runs a service manager for this user.
    Manager,
    /// That manager has been given the controller.
    ManagerHasIt,
    /// The program systemd-run is not there.
    NoSystemdRun,
    /// The user has named a kernel image.
    KernelNamed,
}

/// The facts about a machine, with the words that they give to the sentences.
#[derive(Debug, Clone, Default)]
pub struct Facts(BTreeMap<Fact, String>);

impl Facts {
    /// Look at this machine, for what a row about this attempt asks.
    pub fn find(attempt: &Attempt) -> Self {
        let asked: BTreeSet<Fact> =
            TABLE.iter().filter(|row| row.is_about(attempt)).flat_map(|row| row.facts).copied().collect();
        asked.into_iter().filter_map(|fact| Some((fact, fact.look(attempt)?))).collect()
    }

    /// Whether all of these are so.
    pub fn hold(&self, facts: &[Fact]) -> bool {
        facts.iter().all(|fact| self.0.contains_key(fact))
    }

    /// The word of this name that one of these facts gives.
    pub fn word(&self, facts: &[Fact], name: &str) -> Option<&str> {
        let fact = facts.iter().find(|fact| fact.word() == name)?;
        self.0.get(fact).map(String::as_str)
    }
}

impl FromIterator<(Fact, String)> for Facts {
    fn from_iter<T: IntoIterator<Item = (Fact, String)>>(facts: T) -> Self {
        Self(facts.into_iter().collect())
    }
}

impl Fact {
    /// The name of the word that it gives.
    fn word(self) -> &'static str {
        match self {
            Fact::Wsl1 => "distribution",
            Fact::Contained => "container",
            Fact::Covered => "tree",
            Fact::KindLimit | Fact::NoKind => "kind",
            Fact::Confined => "profile",
            Fact::Powerless => "inner",
            _ => "",
        }
    }

    /// Look whether it is so on this machine, and for its word.
    fn look(self, attempt: &Attempt) -> Option<String> {
        let word = |name| attempt.word(name).unwrap_or_default();
        let plain = |holds: bool| holds.then(String::new);
        let kind = |is_so: fn(&Kind) -> bool| kinds(word("args")).find(is_so).map(|kind| kind.to_string());
        match self {
            Fact::Ordinary => plain(!around::is_root()),
            Fact::NoProc => plain(!Path::new("/proc/self").exists()),
            Fact::Wsl1 => {
                let name = || std::env::var("WSL_DISTRO_NAME").unwrap_or_else(|_| "DISTRIBUTION".into());
                (around::wsl() == Some(1)).then(name)
            }
            Fact::Wsl2 => plain(around::wsl() == Some(2)),
            Fact::Contained => around::container().map(String::from),
            Fact::Filtered => plain(is_filtered(attempt)),
            Fact::Chrooted => plain(around::is_chroot()),
            Fact::Covered => {
                let tree = if word("args").contains("\"sysfs\"") { "/sys" } else { "/proc" };
                around::is_covered(tree).then(|| tree.into())
            }
            Fact::UserLimit => plain(limit_is_zero(&Kind::User)),
            Fact::KindLimit => kind(limit_is_zero),
            Fact::CloneSwitch => plain(around::says("/proc/sys/kernel/unprivileged_userns_clone", "0")),
            Fact::AppArmorSwitch => {
                let switch = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
                plain(around::says(switch, "1") && UserNamespace::make() != UserNamespace::Whole)
            }
            Fact::Confined => around::profile(),
            Fact::Powerless => match UserNamespace::make() {
                UserNamespace::Powerless(profile) => profile,
                _ => None,
            },
            Fact::NoneAtAll => plain(UserNamespace::make() == UserNamespace::Refused),
            Fact::NoKind => kind(|kind| !Path::new(&format!("/proc/self/ns/{kind}")).exists()),
            Fact::OldOverlay => plain(!around::is_at_least((5, 11))),
            Fact::NoModules => plain(!Path::new("/lib/modules").join(around::release()).is_dir()),
            Fact::InMemory => {
                let path = word("args").trim_start_matches('"');
                plain(path.starts_with("/tmp/") || !path.starts_with('/'))
            }
            Fact::OldTmpfs => plain(!around::is_at_least((6, 6))),
            Fact::NoTree => plain(layout() == Layout::None),
            Fact::V1Mounted => plain(matches!(layout(), Layout::V1 | Layout::Mixed)),
            Fact::BootedWithout => {
                let disabled = |name| around::booted_with("cgroup_disable", word(name));
                plain(disabled("controller") || disabled("legacy"))
            }
            Fact::SwitchedOff => plain(around::controller(word("legacy")) == Some(false)),
            Fact::BuiltIn => plain(around::controller(word("legacy")) == Some(true)),
            Fact::InV2 => plain(around::is_in_v2(word("controller"))),
            Fact::Systemd => plain(systemd::runs()),
            Fact::NoSystemd => plain(!systemd::runs()),
            Fact::Manager => plain(systemd::manager().is_some()),
            Fact::ManagerHasIt => plain(systemd::manager_has(Path::new(word("mount")), word("controller"))),
            Fact::KernelNamed => plain(kernel_image::is_named()),
            Fact::NoSystemdRun => plain(programs::find("systemd-run").is_none()),
            Fact::ReadOnlyTree => plain(around::is_read_only(word("below"))),
        }
    }
}

/// The kinds of namespace that a call asks for.
fn kinds(args: &str) -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| args.split(['|', ',', '=', ' ']).any(|word| word == kind.flag_name()))
}

fn limit_is_zero(kind: &Kind) -> bool {
    around::says(format!("/proc/sys/user/max_{kind}_namespaces"), "0")
}

fn layout() -> Layout {
    Hierarchies::detect().map_or(Layout::None, |hierarchies| hierarchies.layout())
}

/// Whether a filter refuses a call before the kernel gets to see that it cannot be made at all.
fn is_filtered(attempt: &Attempt) -> bool {
    let answers_first = match attempt.word("call") {
        Some("unshare") => {
            let kinds: Vec<Kind> = kinds(attempt.word("args").unwrap_or_default()).collect();
            trial::attempt(|| unshare_in_vain(&kinds)).refused() != Some(Errno::EINVAL)
        }
        Some("mount") => {
            let nowhere = || mount("", "", "", Flags::empty(), "");
            trial::attempt(nowhere).refused() != Some(Errno::ENOENT)
        }
        // The kernel has had it since 5.3; filters say that it had not, because they cannot see its flags.
        Some("clone3") => attempt.errno == Errno::ENOSYS && around::is_at_least((5, 3)),
        _ => false,
    };
    answers_first && around::has_filter()
}

/// What a user namespace is worth to this user, found by making one.
#[derive(PartialEq, Eq)]
enum UserNamespace {
    /// It cannot be made.
    Refused,
    /// It comes without capabilities, and this AppArmor profile is the reason.
    Powerless(Option<String>),
    /// It is as it should be.
    Whole,
}

impl UserNamespace {
    fn make() -> Self {
        let made = trial::ask(|| {
            unshare(&[Kind::User])?;
            // Open for writing to those who have capabilities in the namespace.
            let powerful = OpenOptions::new().write(true).open("/proc/self/setgroups").is_ok();
            Ok((powerful, around::profile()))
        });
        match made {
            Err(_) => Self::Refused,
            Ok((false, profile)) => Self::Powerless(profile),
            Ok((true, _)) => Self::Whole,
        }
    }
}
