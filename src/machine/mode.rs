//! With which powers lessons run, and the stage that these set up.

use super::refusal::{Refusal, explain};
use super::trial;
use crate::kernel::mount::{Flags, make_private, mount};
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::{Result, fs};

/// With which powers lessons run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As root, or at least with `CAP_SYS_ADMIN`.
    Root,
    /// As an ordinary user, who is root in a user namespace of his own.
    UserNamespace {
        /// His number outside.
        uid: u32,
        /// That of his group.
        gid: u32,
    },
}

impl Mode {
    /// The one that works here, found by setting the stage in a child.
    pub(super) fn choose() -> std::result::Result<Self, Refusal> {
        if trial::attempt(|| Mode::Root.enter()).is_ok() {
            return Ok(Mode::Root);
        }
        let mode = Mode::of_user();
        trial::attempt(|| mode.enter()).map(|()| mode).map_err(|error| explain(&error))
    }

    /// A user namespace of whoever runs this, even if that is root.
    pub(super) fn of_user() -> Self {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        Mode::UserNamespace { uid, gid }
    }

    /// Whether this is an ordinary user.
    pub fn is_rootless(self) -> bool {
        matches!(self, Mode::UserNamespace { .. })
    }

    /// A command line for another terminal that runs `command` in some of the namespaces of `pid`, with the
    /// powers that this user has: `kinds` are the flags of `nsenter(1)`, such as `-p -m`.
    pub fn nsenter(self, pid: impl std::fmt::Display, kinds: &str, command: &str) -> String {
        let user = if self.is_rootless() { " -U --preserve-credentials" } else { "" };
        format!("nsenter -t {pid}{user} {kinds} {command}")
    }

    /// Set the stage: a mount table of our own, with an empty file system in memory at `/tmp`.
    ///
    /// It is gone with the last process in it, works on any file system, overlayfs can use it, and its paths
    /// are short. Nobody outside sees it; the host's `/tmp` stays as it is.
    pub fn enter(self) -> Result<()> {
        match self {
            Mode::Root => unshare(&[Kind::Mnt])?,
            Mode::UserNamespace { uid, gid } => {
                unshare(&[Kind::User, Kind::Mnt])?;
                map_self_to_root(uid, gid)?;
            }
        }
        make_private("/")?;
        mount("tmpfs", "/tmp", "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "mode=755")?;
        fs::chdir("/tmp")
    }
}
