//! Cgroup namespaces: where the tree of groups begins, for whoever looks.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::cgroup::{Controller, Group, PIDS_CURRENT};
use crate::kernel::fs::rmdir;
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::{Clone3, getppid};
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::cgroup::control;
use crate::probe::process::{cgroup, namespace};
use crate::stage::{Lesson, LessonGroup, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "cgroup-ns",
    title: "Cgroup namespace",
    minutes: 6,
    builds_on: &["process"],
    steps: 2,
    needs: &[Need::Namespace(Kind::Cgroup), Need::Controller(CONTROLLER)],
    run,
    lab: lab::LAB,
};

/// Version 1 has a tree for each controller: this is the one that we look at.
const CONTROLLER: Controller = Controller::Pids;

fn run(stage: &mut Stage) -> Result<()> {
    let group = the_root_is_where_you_stand(stage)?;
    too_early(stage, group)
}

// ANCHOR: the_root_is_where_you_stand
fn the_root_is_where_you_stand(stage: &mut Stage) -> Result<LessonGroup> {
    stage.step("the root is where you stand");
    stage.say(
        "A process can read in /proc/self/cgroup which group it is in: a path from the root of the tree. In a
         container that path tells about the host: its slices, its services, the number of the container. A
         cgroup namespace puts another root in front.",
    );
    let guess = stage.predict(
        "A process in a group makes a cgroup namespace. What does it read in /proc/self/cgroup then?",
        &["the same path as before", "/", "nothing: the file is empty"],
    );
    let group = stage.cgroup("box", &[CONTROLLER])?;
    let name = name(&group);

    let mut container = stage.child_in(&group, "container", Clone3::new(), |inside| {
        let before = own("self")?;
        inside.check("it sees the path of its group").saw((before.text.ends_with(&name), &before.source))?;
        inside.hold()?;
        unshare(&[Kind::Cgroup])?;
        let after = own("self")?;
        inside.state("seen from inside").compare(&before, &after, "the group is its root").show();
        inside.check("now its path is the root").expect("/").saw(&after)?;
        let observed = match after.text.as_str() {
            "/" => "/",
            "" => "nothing: the file is empty",
            _ => "the same path as before",
        };
        inside.reveal(
            guess,
            observed,
            "The group in which a process stands when it makes the namespace becomes the root for all in it. The
             process has not moved. The path is worked out anew for everybody who reads it.",
        )?;
        inside.hold()
    })?;

    let pid = container.pid();
    let (before, kind) = (own(pid)?, namespace(pid, Kind::Cgroup)?);
    container.go_on();
    let after = own(pid)?;
    stage
        .state("seen from the host")
        .compare(&kind, &namespace(pid, Kind::Cgroup)?.labelled("ns/cgroup"), "its own")
        .compare(&before, &after.clone().labelled("cgroup"), "not moved")
        .show();
    stage
        .check("it is in another cgroup namespace")
        .expect_other_than(&kind)
        .saw(&namespace(pid, Kind::Cgroup)?)?;
    stage.check("the host still sees the whole path").expect(&before).saw(&after)?;
    stage.check("and it is still counted in the group").expect(1).saw(&control(&group, PIDS_CURRENT)?)?;
    for dir in group.dirs() {
        let refused = rmdir(dir).refused();
        let source = dir.to_string_lossy();
        stage
            .check("so it holds the group: nobody can remove it")
            .expect(Errno::EBUSY)
            .saw((refused, source))?;
    }
    stage.why(
        "It is a view and no wall: limits hold as before, and nobody becomes free by not seeing the tree. It was
         made so that systemd can run in a container and find what it takes for the root, and so that a container
         can be moved to another host, where it is in another place, without noticing.",
        &[man("cgroup_namespaces", 7), kernel_doc("Control Group v2: namespace", "admin-guide/cgroup-v2")],
    );
    stage.try_it(format!("cat /proc/{pid}/cgroup"), "the whole path, as your terminal sees it");
    stage.try_it(
        stage.scene().nsenter(pid, "-C", "cat /proc/self/cgroup"),
        "your own path, seen from its root",
    );
    stage.pause("a process waits whose group is its root")?;
    container.finish()?;
    Ok(group)
}
// ANCHOR_END: the_root_is_where_you_stand

// ANCHOR: too_early
fn too_early(stage: &mut Stage, group: LessonGroup) -> Result<()> {
    stage.step("too early, and the way out");
    stage.say(
        "A container manager has two things to do for a new process: put it into its group, and give it a cgroup
         namespace. This one takes them the wrong way round.",
    );
    let name = name(&group);
    let mut early = stage.child("early", Clone3::new(), |inside| {
        unshare(&[Kind::Cgroup])?;
        inside.check("its root is where it stood").expect("/").saw(&own("self")?)?;
        inside.hold()?;
        let path = own("self")?;
        inside.check("the group's name is seen inside").saw((path.text.ends_with(&name), &path.source))?;
        inside.hold()
    })?;
    group.put(early.pid())?;
    early.go_on();
    stage.try_it(
        stage.scene().nsenter(early.pid(), "-C", &format!("cat /proc/{}/cgroup", early.pid())),
        "its group, as it sees it itself",
    );
    stage.pause("the early one waits; the name of its group is no secret to it")?;
    let guess = stage.predict(
        "The right way round. What does the process inside read in /proc/PID/cgroup of one that is outside?",
        &["a path that begins with /..", "/", "the whole path"],
    );
    let right = stage.child_in(&group, "container", Clone3::new(), |inside| {
        unshare(&[Kind::Cgroup])?;
        inside.check("its own path is the root").expect("/").saw(&own("self")?)?;
        let parent = getppid()?;
        let outside = own(parent)?.varying();
        let goes_out = outside.text.starts_with("/..");
        inside.check("the host's is a way out of it").saw((goes_out, &outside.source))?;
        let observed = match outside.text.as_str() {
            "/" => "/",
            _ if goes_out => "a path that begins with /..",
            _ => "the whole path",
        };
        inside.reveal(
            guess,
            observed,
            "The path is relative to the reader's root, and the way there goes up. It does not say through which
             groups: what lies above is not told.",
        )?;
        inside.hold()
    })?;
    stage
        .side_by_side("seen from the host", "early", "container")
        .compare(&own(early.pid())?, &own(right.pid())?.labelled("cgroup"), "the same group")
        .show();
    stage
        .check("for the host both are in the same group")
        .expect(&own(early.pid())?)
        .saw(&own(right.pid())?)?;
    stage.why(
        "So runtimes enter the group first, and then call unshare. In version 2 clone3 can do both at once:
         CLONE_INTO_CGROUP and CLONE_NEWCGROUP. Docker makes a cgroup namespace on version 2 unless it is told
         not to, and none on version 1: there a container shows its whole path to everybody inside.",
        &[man("cgroup_namespaces", 7), man("clone", 2)],
    );
    stage.try_it(
        format!("cat /proc/{}/cgroup /proc/{}/cgroup", early.pid(), right.pid()),
        "both, from outside",
    );
    stage.pause("two processes in one group; one of them sees its name")?;
    right.finish()?;
    early.finish()?;
    group.remove()
}
// ANCHOR_END: too_early

/// The path of a process's group, as the caller sees it.
fn own(who: impl std::fmt::Display) -> Result<crate::probe::Reading> {
    Ok(cgroup(who, CONTROLLER.name())?)
}

/// The name of the group, without the way to it.
fn name(group: &Group) -> String {
    let dir = group.dirs().next().and_then(|dir| dir.file_name());
    dir.unwrap_or_default().to_string_lossy().into_owned()
}
