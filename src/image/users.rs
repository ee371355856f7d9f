//! Whose files the layers have: root unpacks them as they are, an ordinary user in a user namespace.
//!
//! With ranges in `/etc/subuid` and `/etc/subgid` every owner has a number there, mapped by `newuidmap(1)`.
//! Without them there is one number only, and all files are its.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::User;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Error, Result, doing};
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::process::{Sig, getppid};
use crate::kernel::{Errno, Pid, raw, record, short, talk};
use crate::machine::{Attempt, Refusal, explain};
use crate::probe::{around, programs};

/// A range of numbers in a user namespace, and what they are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first one inside.
    pub inside: u32,
    /// The first one outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// Who is at work, and which users his files can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// Root, and every other.
    All,
    /// Root of a user namespace that somebody else has made.
    Inside,
    /// An ordinary user, who is root in a namespace of his own with others beside him.
    Ranges {
        /// Users.
        uids: Vec<Range>,
        /// Groups.
        gids: Vec<Range>,
    },
    /// An ordinary user, who is root in a namespace of his own, alone.
    One,
}

/// What can be done where the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Powers {
    /// Whether this is root on the host: device nodes, and `trusted.` attributes.
    pub(super) root: bool,
    /// Whether files can belong to others.
    pub(super) owners: bool,
}

impl Users {
    /// Of whoever calls.
    pub fn of_caller() -> Self {
        if around::is_root() {
            return Users::All;
        }
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        if uid == 0 {
            return Users::Inside;
        }
        let name = User::from_uid(uid.into()).ok().flatten().map(|user| user.name);
        let ranges = |file: &str, own: u32| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let granted = granted(&text, uid, name.as_deref());
            let mut ranges = vec![Range { inside: 0, outside: own, count: 1 }];
            let mut inside = 1;
            for (outside, count) in granted {
                ranges.push(Range { inside, outside, count });
                inside = inside.saturating_add(count);
            }
            ranges
        };
        let (uids, gids) = (ranges("/etc/subuid", uid), ranges("/etc/subgid", gid));
        let tools = ["newuidmap", "newgidmap"].iter().all(|tool| programs::find(tool).is_some());
        if uids.len() > 1 && gids.len() > 1 && tools { Users::Ranges { uids, gids } } else { Users::One }
    }

    /// Whether overlay mounts of the layers want `userxattr`.
    pub fn is_rootless(&self) -> bool {
        *self != Users::All
    }

    /// Map the users of `child`, which has just made its user namespace. Whether that was possible.
    ///
    /// <https://man7.org/linux/man-pages/man1/newuidmap.1.html>
    pub fn map(&self, child: Pid) -> bool {
        let Users::Ranges { uids, gids } = self else { return false };
        [("newuidmap", uids), ("newgidmap", gids)].into_iter().all(|(tool, ranges)| {
            let numbers = ranges.iter().flat_map(|range| [range.inside, range.outside, range.count]);
            let mut command = Command::new(programs::find(tool).unwrap_or(tool.into()));
            command.arg(child.to_string()).args(numbers.map(|number| number.to_string()));
            let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            silent.status().is_ok_and(|status| status.success())
        })
    }

    /// Remove a directory with all that is in it, whoever of them owns that. That it is gone already is as good.
    pub fn remove_tree(&self, path: &Path) -> Result<()> {
        remove_tree(self, path)
    }

    /// Do `work` where the layers' users are: at once if that is here, else in a child.
    pub(super) fn ask<T>(&self, work: impl FnOnce(Powers) -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        match self {
            Users::All => work(Powers { root: true, owners: true }),
            Users::Inside => work(Powers { root: false, owners: has_others() }),
            Users::Ranges { .. } | Users::One => self.ask_child(work),
        }
    }

    /// ```text
    /// child: unshare ──"ready"──▶ parent: newuidmap ──"mapped" or "alone"──▶ child: work ──result──▶ parent
    /// ```
    fn ask_child<T>(&self, work: impl FnOnce(Powers) -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let (mut told, mut tell) = talk::pipe2()?;
        let (mut heard, answer) = talk::pipe2()?;
        let parent = nix::unistd::getpid();
        let forked =
            raw::fork().map_err(|errno| crate::kernel::Error { call: "fork", args: String::new(), errno })?;
        let Some(child) = forked else {
            record::install(None);
            drop((tell, heard));
            let mut answer = answer;
            let done = become_root(parent, &mut told, &mut answer).and_then(work);
            let done = done.map_err(|error| error.explained());
            // If the parent has gone, nobody wants to know.
            let _ = serde_json::to_writer(&mut answer, &done);
            let _ = answer.flush();
            raw::exit_now(0);
        };
        drop((told, answer));
        let mut ready = [0];
        if heard.read_exact(&mut ready).is_ok() && ready == *READY {
            let _ = tell.write_all(if self.map(child) { MAPPED } else { ALONE });
        }
        let mut report = ready.to_vec();
        if ready == *READY {
            report.clear();
        }
        let read = heard.read_to_end(&mut report);
        while nix::sys::wait::waitpid(child, None) == Err(Errno::EINTR) {}
        doing("cannot hear a process of ours", read)?;
        let done: std::result::Result<T, Refusal> = serde_json::from_slice(&report).map_err(|_| {
            Error::Told(explain(Attempt::fault("the process that unpacks ended before its time")))
        })?;
        done.map_err(Error::Told)
    }
}

const READY: &[u8; 1] = b"+";
const MAPPED: &[u8] = b"m";
const ALONE: &[u8] = b"a";

/// In the child: a user namespace, and the powers in it.
fn become_root(parent: Pid, told: &mut File, answer: &mut File) -> Result<Powers> {
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    unshare(&[Kind::User])?;
    // Whoever ends glassbox ends its child; a change of credentials would forget that.
    let armed = raw::set_parent_death_signal(Some(Sig::SIGKILL));
    doing("cannot ask for the parent's death", armed.map_err(Into::into))?;
    if getppid()? != parent {
        raw::exit_now(1);
    }
    doing("cannot tell the parent", answer.write_all(READY))?;
    let mut mapped = [0];
    doing("cannot hear the parent", told.read_exact(&mut mapped))?;
    let owners = mapped == *MAPPED;
    if !owners {
        map_self_to_root(uid, gid)?;
    }
    Ok(Powers { root: false, owners })
}

/// Whether the caller's user namespace has more numbers than one.
fn has_others() -> bool {
    let map = short::text("/proc/self/uid_map").unwrap_or_default();
    let count = |line: &str| line.split_whitespace().last()?.parse::<u32>().ok();
    map.lines().filter_map(count).any(|count| count > 1) || map.lines().count() > 1
}

/// The ranges that a file like `/etc/subuid` grants to a user.
/// <https://man7.org/linux/man-pages/man5/subuid.5.html>
fn granted(text: &str, uid: u32, name: Option<&str>) -> Vec<(u32, u32)> {
    let number = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let whose = fields.next()?;
        let (start, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let is_mine = whose == number || Some(whose) == name;
        (is_mine && count > 0).then_some((start, count))
    };
    text.lines().filter_map(range).collect()
}

/// Remove a directory with all that is in it, whoever owns that.
pub(super) fn remove_tree(users: &Users, path: &Path) -> Result<()> {
    let remove = || match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let what = || format!("cannot remove {}", path.display());
    match remove() {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && users.is_rootless() => {
            users.ask(|_| doing(what(), remove()))
        }
        removed => doing(what(), removed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_go_by_name_and_by_number() {
        let text = "root:1:2\nme:100000:65536\n1001:300000:10\nme:bad:1\n\n# me:1:1\n";
        assert_eq!(granted(text, 1001, Some("me")), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(granted(text, 1002, None), []);
    }
}
