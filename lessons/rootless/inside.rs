//! The container's own part. It is that of the lesson `container`; what differs is who does it.

use std::path::Path;

use crate::container::{devices, masks, profile, root};
use crate::kernel::cgroup::{Hierarchies, Layout};
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::process::set_no_new_privs;
use crate::kernel::{capability, mount, net, uts};
use crate::machine::Mode;
use crate::machine::ordinary::ORDINARY;
use crate::stage::{Program, Result, Stage};

const NAME: &str = "glass";

/// What a shell inside sees: the claim, what is expected, and the command that shows it.
pub(super) const CLAIMS: [(&str, &str, &str); 5] = [
    (
        "root is a name for 60000",
        "0 60000 1",
        "read inside outside count < /proc/self/uid_map; echo $inside $outside $count",
    ),
    ("it is number 1", "1", "echo $$"),
    ("the host is called glass", NAME, "cat /proc/sys/kernel/hostname"),
    ("/proc lists its own processes", "1", "cd /proc; echo [0-9]*; cd /"),
    ("it owns what it wrote", "hello", "cat /root/mine"),
];

/// What is in its /dev.
pub(super) const DEVICES: &str =
    "fd  full  mqueue  null  ptmx  pts  random  shm  stderr  stdin  stdout  tty  urandom  zero";

/// What holds it: the claim, the line of its status, and what is expected there.
pub(super) const WALLS: [(&str, &str, &str); 4] = [
    ("it has docker's capabilities", "CapEff", "00000000a80425fb"),
    ("it can get no others", "CapBnd", "00000000a80425fb"),
    ("no_new_privs is set", "NoNewPrivs", "1"),
    ("a filter is on", "Seccomp", "2"),
];

// ANCHOR: inside
/// Become a container, with no more power than an account has.
pub(super) fn become_contained(inside: &mut Stage, shell: &Program) -> Result<()> {
    map_self_to_root(ORDINARY, ORDINARY)?;
    unshare(&[Kind::Cgroup])?;
    mount::make_private("/")?;
    root::mount_layers(Path::new("tiny"), Path::new("upper"), Path::new("work"), Path::new("merged"))?;
    root::enter(Path::new("merged"))?;
    devices::mount_proc()?;
    devices::mount_sys(Hierarchies::detect().map_or(Layout::None, |trees| trees.layout()))?;
    devices::populate_dev(Mode::UserNamespace { uid: ORDINARY, gid: ORDINARY })?;
    root::forget_old_root()?;
    inside.depending_on_machine(masks::apply)?;
    uts::sethostname(NAME)?;
    net::loopback_up()?;
    inside.depending_on_machine(|| capability::bound(capability::DOCKER_DEFAULT))?;
    capability::capset(capability::DOCKER_DEFAULT)?;
    set_no_new_privs()?;
    profile::default_filter().install()?;
    shell.execve("/bin/sh", &["sh"], &["PATH=/bin", "HOME=/root"])
}
// ANCHOR_END: inside
