//! The process that keeps an ordinary user's network namespace, and the program that carries packets out of it.
//!
//! ```text
//! command ──fork──▶ maker: unshare(user) ◀── newuidmap ── command
//!                     └──clone3(pid)──▶ keeper: unshare(net), waits until nobody is inside
//!                                         └──fork──▶ pasta or slirp4netns, in the machine's network namespace
//! ```
//! The keeper is process 1 of a PID namespace: however it ends, the kernel ends the program with it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::rootless::{Keeper, is_current};
use super::way_out;
use crate::container::error::{Error, Result, doing};
use crate::container::failure::Failure;
use crate::image::Users;
use crate::kernel::at::{Lock, flock};
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::process::{Clone3, setsid, wait4};
use crate::kernel::talk::pipe2;
use crate::kernel::{Pid, net, raw, record};
use crate::trace::Identity;

const READY: u8 = b'+';
const MAPPED: u8 = b'm';
const ALONE: u8 = b'a';

/// Start it; it stays at least as long as the first file is open that comes with it. The other one is `lock`, which is
/// the caller's alone.
pub(super) fn start(users: &Users, lock: File, path: &Path) -> Result<(Keeper, [File; 2])> {
    let (mut hear, tell) = pipe2()?;
    let (told, mut stay) = pipe2()?;
    let forked = raw::fork();
    let Some(maker) = doing("cannot make a process", forked.map_err(Into::into))? else {
        // It would hold the lock, too.
        drop((hear, stay, lock));
        raw::exit_now(make(tell, told, path))
    };
    drop((tell, told));
    let mut first = [0];
    if hear.read_exact(&mut first).is_ok() && first == [READY] {
        // One that is gone is noticed when its report is read.
        let _ = stay.write_all(&[if users.map(maker) { MAPPED } else { ALONE }]);
        first = [0];
    }
    let mut report: Vec<u8> = first.into_iter().filter(|byte| *byte != 0).collect();
    let read = hear.read_to_end(&mut report);
    wait4(Some(maker))?;
    doing("cannot hear a process of ours", read)?;
    let report = serde_json::from_slice::<std::result::Result<Keeper, Failure>>(&report);
    let report =
        report.map_err(|_| Error::Late("the keeper of the networks ended before its time".into()))?;
    Ok((report.map_err(Failure::error)?, [stay, lock]))
}

/// In the maker: a user namespace, and the keeper in it.
fn make(mut tell: File, mut told: File, path: &Path) -> i32 {
    record::install(None);
    let made = become_root(&mut tell, &mut told).and_then(|()| Ok(Clone3::new().newpid().call(None)?));
    match made {
        Ok(Some(_)) => 0,
        Ok(None) => keep(tell, told, path),
        Err(error) => report(tell, Err(error)),
    }
}

fn report(tell: File, done: Result<Keeper>) -> i32 {
    let code = i32::from(done.is_err());
    // Whoever wanted to know may be gone.
    let _ = serde_json::to_writer(tell, &done.map_err(|error| Failure::of(&error)));
    code
}

fn become_root(tell: &mut File, told: &mut File) -> Result<()> {
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    setsid()?;
    let null = super::super::start::null()?;
    let redirected = nix::unistd::dup2_stdin(&null)
        .and_then(|()| nix::unistd::dup2_stdout(&null))
        .and_then(|()| nix::unistd::dup2_stderr(&null));
    doing("cannot let go of the terminal", redirected.map_err(Into::into))?;
    doing("cannot leave the directory", std::env::set_current_dir("/"))?;
    unshare(&[Kind::User])?;
    doing("cannot tell the command", tell.write_all(&[READY]))?;
    let mut mapped = [0];
    doing("cannot hear the command", told.read_exact(&mut mapped))?;
    if mapped != [MAPPED] {
        map_self_to_root(uid, gid)?;
    }
    Ok(())
}

/// In the keeper: make the namespace, tell, and wait.
fn keep(tell: File, mut told: File, path: &Path) -> i32 {
    let keeper = match settle(path) {
        Err(error) => return report(tell, Err(error)),
        Ok(keeper) => keeper,
    };
    report(tell, Ok(keeper));
    // The end of the command's wish that we stay: it is inside by now, or has ended.
    let _ = told.read_to_end(&mut vec![]);
    let waited = File::open(path).map(|own| {
        let alone = flock(&own, Lock::Alone);
        if alone.is_ok() && is_current(&own, path) { fs::remove_file(path) } else { Ok(()) }
    });
    i32::from(waited.is_err())
}

fn settle(path: &Path) -> Result<Keeper> {
    let (ready, mut tell) = pipe2()?;
    let (mut hear, note) = pipe2()?;
    let forked = raw::fork();
    let Some(way) = doing("cannot make a process", forked.map_err(Into::into))? else {
        drop((tell, hear));
        raw::exit_now(way_out::open(ready, note, path))
    };
    drop((ready, note));
    unshare(&[Kind::Net])?;
    net::loopback_up()?;
    // `getpid` would say 1.
    let own = doing("cannot read /proc/self", fs::read_link("/proc/self"))?;
    let number = own.to_str().and_then(|number| number.parse().ok()).map(Pid::from_raw);
    let process =
        number.and_then(Identity::of).ok_or_else(|| Error::Late("/proc does not know us".into()))?;
    let told = write!(tell, "{}", process.pid);
    drop(tell);
    let mut text = String::new();
    doing("cannot hear the way out", told.and_then(|()| hear.read_to_string(&mut text)))?;
    wait4(Some(way))?;
    Ok(Keeper { process, note: Some(text).filter(|text| !text.is_empty()) })
}
