//! Users and groups: the numbers that a process goes by.

use nix::unistd::{self, Gid, Uid};

use super::Result;
use super::record::call;

/// `getuid(2)`: the caller's number in its own user namespace.
/// <https://man7.org/linux/man-pages/man2/getuid.2.html>
pub fn getuid() -> Result<u32> {
    call("getuid", String::new, || Ok(unistd::getuid().as_raw()))
}

/// `setresuid(2)`: go by this number in every respect.
/// <https://man7.org/linux/man-pages/man2/setresuid.2.html>
pub fn setresuid(uid: u32) -> Result<()> {
    let number = Uid::from_raw(uid);
    call("setresuid", || format!("{uid}, {uid}, {uid}"), || unistd::setresuid(number, number, number))
}

/// `setresgid(2)`: go by this group's number in every respect.
/// <https://man7.org/linux/man-pages/man2/setresuid.2.html>
pub fn setresgid(gid: u32) -> Result<()> {
    let number = Gid::from_raw(gid);
    call("setresgid", || format!("{gid}, {gid}, {gid}"), || unistd::setresgid(number, number, number))
}

/// `setgroups(2)`: belong to these groups beside one's own.
/// <https://man7.org/linux/man-pages/man2/setgroups.2.html>
pub fn setgroups(gids: &[u32]) -> Result<()> {
    let groups: Vec<Gid> = gids.iter().copied().map(Gid::from_raw).collect();
    call("setgroups", || format!("{}, {gids:?}", gids.len()), || unistd::setgroups(&groups))
}

/// `setgroups(2)` with an empty list: leave every other group.
/// <https://man7.org/linux/man-pages/man2/setgroups.2.html>
pub fn leave_groups() -> Result<()> {
    call("setgroups", || "0, []".into(), || unistd::setgroups(&[]))
}
