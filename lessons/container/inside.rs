//! The container's own part, in the order in which every runtime does it.

use std::path::Path;

use super::NAME;
use crate::container::{devices, masks, profile, root};
use crate::kernel::cgroup::{Hierarchies, Layout};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::set_no_new_privs;
use crate::kernel::{Errno, Refused, capability, mount, net, uts};
use crate::stage::{Program, Result, Stage};

// ANCHOR: inside
/// Become a container, step by step. Each `hold` lets the host look.
pub(super) fn become_contained(inside: &mut Stage, shell: &Program) -> Result<()> {
    // After the cgroup was joined: the group becomes the root of what can be seen.
    unshare(&[Kind::Cgroup])?;
    inside.hold()?;

    mount::make_private("/")?;
    root::mount_layers(Path::new("tiny"), Path::new("upper"), Path::new("work"), Path::new("merged"))?;
    root::enter(Path::new("merged"))?;
    inside
        .check("the host's files are still there, at /old")
        .saw((Path::new("/old/tmp").is_dir(), "/old"))?;
    inside.hold()?;

    devices::mount_proc()?;
    devices::mount_sys(layout())?;
    devices::populate_dev(inside.scene().mode)?;
    root::forget_old_root()?;
    inside.depending_on_machine(masks::apply)?;
    inside.hold()?;

    uts::sethostname(NAME)?;
    net::loopback_up()?;
    inside.depending_on_machine(|| capability::bound(capability::DOCKER_DEFAULT))?;
    capability::capset(capability::DOCKER_DEFAULT)?;
    set_no_new_privs()?;
    profile::default_filter().install()?;
    what_root_may_not(inside)?;
    inside.hold()?;

    shell.execve("/bin/sh", &["sh"], &["PATH=/bin", "HOME=/root"])
}
// ANCHOR_END: inside

fn layout() -> Layout {
    Hierarchies::detect().map_or(Layout::None, |hierarchies| hierarchies.layout())
}

/// What the host's root may do and this one may not.
fn what_root_may_not(inside: &Stage) -> Result<()> {
    let flags = mount::Flags::empty();
    let refused = mount::mount("tmpfs", "/root", "tmpfs", flags, "").refused();
    inside.check("it may not mount").expect(Errno::EPERM).saw((refused, "mount()"))?;
    let refused = uts::sethostname("other").refused();
    inside.check("it may not change its host name").expect(Errno::EPERM).saw((refused, "sethostname()"))?;
    let refused = unshare(&[Kind::User]).refused();
    inside.check("it may not make namespaces").expect(Errno::EPERM).saw((refused, "unshare()"))
}
