//! The account's directory, and what its root asks for.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::image::tiny;
use crate::kernel::cgroup::Hierarchies;
use crate::kernel::clock::clock_settime;
use crate::kernel::fs::AccessFlags;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::uts::sethostname;
use crate::kernel::{Errno, Refused, fs, net};
use crate::machine::ordinary::{self, ORDINARY};
use crate::probe::Reading;
use crate::stage::{Result, Shown, Stage};

/// The account's own directory, on the stage's file system in memory.
pub(super) const HOME: &str = "/tmp/home";

/// What a container gets of its own: the user namespace is the first of them.
pub(super) const KINDS: [Kind; 7] =
    [Kind::User, Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::Cgroup];

/// The numbers that root may have granted to the account: the first one, and how many.
pub(super) const RANGE: (u32, u32) = (100_000, 65_536);

/// Make the directory. Where the account is only another name for this stage's root it has it already.
pub(super) fn home(stage: &Stage) -> Result<()> {
    stage.backstage(|| {
        fs::mkdir(HOME)?;
        if ordinary::has_one() { fs::chown(HOME, ORDINARY, ORDINARY) } else { Ok(()) }
    })?;
    Ok(())
}

/// As the account: go there, and make an image, a layer, and a place for both.
pub(super) fn image() -> Result<()> {
    fs::chdir(HOME)?;
    ["tiny", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    Ok(tiny::build(Path::new("tiny")).map(drop)?)
}

fn said(refused: Option<Errno>) -> String {
    refused.map_or("granted".into(), |errno| errno.shown())
}

/// What a container is made of, beside users, and what the kernel says to each.
pub(super) fn mechanisms() -> Vec<Reading> {
    let kinds = KINDS.into_iter().filter(|kind| *kind != Kind::User);
    let namespaces = kinds.map(|kind| {
        let label = format!("{kind} namespace");
        Reading::new(label, format!("unshare({})", kind.flag_name()), said(unshare(&[kind]).refused()))
    });
    let mut asked: Vec<Reading> = namespaces.collect();
    let mounted = mount("tmpfs", HOME, "tmpfs", Flags::empty(), "size=1m").refused();
    asked.push(Reading::new("to mount", "mount()", said(mounted)));
    asked.push(Reading::new("to name the host", "sethostname()", said(sethostname("glass").refused())));
    asked.push(Reading::new("another root", "chroot()", said(fs::chroot("/").refused())));
    asked
}

// ANCHOR: on_the_host
/// What belongs to the host, what the kernel says, and what is done instead.
pub(super) fn on_the_host() -> Vec<(Reading, &'static str)> {
    let port = || net::bind(net::stream_socket()?.as_fd(), net::everywhere(80));
    // If this were granted, the clock would be set to what it is.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let tried = [
        ("a device", "mknod()", fs::mknod("home/null", 1, 3).refused(), "the host's, bound"),
        ("the clock", "clock_settime()", clock_settime(now).refused(), "nothing"),
        ("the host's lo", "ioctl(SIOCSIFFLAGS)", net::loopback_up().refused(), "a network of his own"),
        ("the host's port 80", "bind()", port().refused(), "a port from 1024 on"),
    ];
    tried
        .into_iter()
        .map(|(what, call, refused, instead)| (Reading::new(what, call, said(refused)), instead))
        .collect()
}
// ANCHOR_END: on_the_host

/// The same, where the network is his.
pub(super) fn with_his_own() -> Vec<Reading> {
    let port = || net::bind(net::stream_socket()?.as_fd(), net::everywhere(80));
    vec![
        Reading::new("lo", "ioctl(SIOCSIFFLAGS)", said(net::loopback_up().refused())),
        Reading::new("port 80", "bind()", said(port().refused())),
    ]
}

/// The limits of the machine's groups, wherever these are.
pub(super) fn groups_of_the_machine(account: &Stage) -> Result<()> {
    let trees = Hierarchies::detect().map(|trees| trees.roots()).unwrap_or_default();
    let Some(root) = trees.into_iter().next() else { return Ok(()) };
    let refused = fs::access(root.join("cgroup.procs"), AccessFlags::W_OK).refused();
    account.check("the machine's groups are not his").saw((refused.is_some(), "access()"))
}
