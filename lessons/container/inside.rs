//! The container's own part: the start that `glassbox run` makes, with pauses in which the host can look.

use std::path::Path;

use super::NAME;
use crate::container;
use crate::container::spec::{Process, Spec};
use crate::container::start::gate::Gate;
use crate::container::start::rootfs::Overlay;
use crate::container::start::{Part, Plan, Root, Streams, Walls, inside};
use crate::image::Users;
use crate::kernel::cgroup::{Group, Hierarchies, Layout};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::{Errno, Refused, mount, uts};
use crate::stage::{Error, Program, Result, Stage};

// ANCHOR: inside
/// Become a container, part by part, and at last its shell.
pub(super) fn become_contained(lane: &mut Stage, group: Option<&Group>, shell: &Program) -> Result<()> {
    let process = Process { args: vec!["sh".into()], ..Process::default() };
    let spec = Spec { process, ..Spec::default() };
    // The stage has a namespace of users already, where it needs one.
    let users = if lane.scene().mode.is_rootless() { Users::Inside } else { Users::All };
    let layout = Hierarchies::detect().map_or(Layout::None, |hierarchies| hierarchies.layout());
    let plan = Plan::new(&spec, NAME, root(&users), &users, Streams::Given(shell.its_ends()?))?;
    let plan = plan.in_group(group.cloned(), layout);
    // It was the stage that made this process, and has put it into its group: nobody else waits for news of it.
    let (_maker, mut gate) = Gate::pair()?;
    let mut pauses = Pauses { lane, failed: None };
    let Err(error) = inside::become_contained(&plan, &mut gate, true, &mut pauses);
    Err(pauses.failed.unwrap_or_else(|| error.into()))
}

/// The image, below an empty layer for changes. In the init layer are mount points that an image may lack.
fn root(users: &Users) -> Root {
    Root::Overlay(Overlay {
        lower: vec!["init-layer".into(), "tiny".into()],
        upper: "upper".into(),
        work: "work".into(),
        merged: "merged".into(),
        volatile: false,
        user_attributes: users.is_rootless(),
    })
}

/// Each `hold` lets the host look.
struct Pauses<'a> {
    lane: &'a mut Stage,
    failed: Option<Error>,
}

impl Walls for Pauses<'_> {
    fn around(
        &mut self,
        part: Part,
        work: &mut dyn FnMut() -> container::Result<()>,
    ) -> container::Result<()> {
        match part {
            // How many calls they take depends on the kernel.
            Part::Masks | Part::Bounds => self.lane.depending_on_machine(work)?,
            _ => work()?,
        }
        let looked = match part {
            Part::Cgroup | Part::Masks => self.lane.hold(),
            Part::Root => under_the_root(self.lane).and_then(|()| self.lane.hold()),
            Part::Filter => what_root_may_not(self.lane).and_then(|()| self.lane.hold()),
            _ => Ok(()),
        };
        looked.map_err(|error| {
            self.failed = Some(error);
            container::Error::Left
        })
    }
}
// ANCHOR_END: inside

fn under_the_root(inside: &Stage) -> Result<()> {
    let file = "../tmp/tiny";
    inside.check("the host's files are still there, below the root").saw((Path::new(file).is_dir(), file))
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
