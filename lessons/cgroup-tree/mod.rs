//! The tree of control groups: directories that the kernel fills, and processes that are each in one of them.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::cgroup::{Controller, Group, MEMORY_MAX, PIDS_MAX, PIDS_PROCS, Version};
use crate::kernel::process::{Clone3, Ended, Sig, getpid, kill};
use crate::kernel::{Errno, Pid, Refused, fs};
use crate::machine::{Need, Refusal, explain};
use crate::probe::cgroup::control;
use crate::probe::files::{file_system, listing};
use crate::probe::process::{cgroup, children};
use crate::stage::{Error, Lesson, LessonGroup, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "cgroup-tree",
    title: "The tree of groups",
    minutes: 8,
    builds_on: &["process"],
    steps: 5,
    needs: &[Need::Controller(Controller::Pids)],
    run,
    lab: lab::LAB,
};

/// The tree that is looked at. Where there is a tree for each controller, this is one of them.
const TREE: &str = "pids";

fn run(stage: &mut Stage) -> Result<()> {
    let tree = mkdir_is_all(stage)?;
    let (first, second) = in_one_group(stage, &tree)?;
    inherited_once(stage, &first, &second)?;
    removing(stage, tree, first, second)?;
    inner_groups(stage)
}

/// The directory of a group.
fn dir(group: &Group) -> Result<std::path::PathBuf> {
    let mut path = group.path(PIDS_PROCS)?;
    path.pop();
    Ok(path)
}

/// Whether a process is in a group: `yes` or `no`, and where that was read.
fn is_in(group: &Group, pid: Pid) -> Result<(bool, String)> {
    let members = control(group, PIDS_PROCS)?;
    Ok((members.numbers().contains(&(pid.as_raw() as u64)), members.source))
}

// ANCHOR: mkdir_is_all
fn mkdir_is_all(stage: &mut Stage) -> Result<LessonGroup> {
    stage.step("mkdir makes a group");
    stage.say(
        "A control group is a set of processes for which the kernel counts and limits something. There is no
         system call that makes one. There is a file system, below /sys/fs/cgroup, and a group is a directory
         in it.",
    );
    let guess = stage.predict(
        "We make a directory there with mkdir. What is in it then?",
        &["nothing", "copies of its parent's files", "control files that nobody wrote"],
    );

    let tree = stage.cgroup("tree", &[Controller::Pids])?;
    let files = listing(dir(&tree)?)?.labelled("the new directory").varying();
    let kind = file_system(dir(&tree)?)?;
    stage.state("the group").new(&files, "the kernel filled it").new(&kind, "on no disk").show();
    let procs = control(&tree, PIDS_PROCS)?;
    let max = control(&tree, PIDS_MAX)?;
    let members = (procs.numbers().len(), &procs.source);
    stage.check("it has a list of its processes, an empty one").expect(0usize).saw(members)?;
    stage.check("it has a limit, and the limit is none").expect("max").saw(&max)?;
    let observed = if files.text == "(empty)" { "nothing" } else { "control files that nobody wrote" };
    stage.reveal(
        guess,
        observed,
        "The files are no files. Reading one asks the kernel, writing to one tells it something. The parent's
         values are not copied: a new group begins with no limit and with no process.",
    )?;

    stage.say("And what is no directory on a disk cannot be used as one.");
    let notes = fs::create(dir(&tree)?.join("notes"), "mine").refused();
    let removed = fs::unlink(tree.path(PIDS_MAX)?).refused();
    stage.check("nobody can put a file into it").expect(Errno::EACCES).saw((notes, "open(O_CREAT)"))?;
    stage.check("nobody can take a file out of it").expect(Errno::EPERM).saw((removed, "unlink()"))?;
    stage.why(
        "Such a file system is called a pseudo file system; /proc and /sys are others. It needs no library and
         no new system call, the rights are those of files, and a shell is tool enough: whoever owns a
         directory may make groups in it.",
        &[man("cgroups", 7), kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("statfs", 2)],
    );
    stage.try_it(format!("ls -l {}", dir(&tree)?.display()), "every file has a length of 0, and can be read");
    stage.pause("the new group is there, and empty")?;
    Ok(tree)
}
// ANCHOR_END: mkdir_is_all

// ANCHOR: in_one_group
fn in_one_group(stage: &mut Stage, tree: &Group) -> Result<(LessonGroup, LessonGroup)> {
    stage.step("a process is in one group");
    stage.say(
        "Every process is in a group from its start. To move it, its number is written into the file
         cgroup.procs of another one. For that we make two groups below ours.",
    );
    let first = stage.cgroup_below(tree, "first")?;
    let second = stage.cgroup_below(tree, "second")?;
    let guess = stage.predict(
        "We write the same number into cgroup.procs of both, one after the other. Where is the process?",
        &["in both", "in the first: the second write fails", "in the second"],
    );

    let member = stage.child("member", Clone3::new(), Stage::hold)?;
    let before = cgroup(member.pid(), TREE)?.varying();
    first.add(member.pid())?;
    let between = cgroup(member.pid(), TREE)?;
    stage.check("the first file lists it").saw(is_in(&first, member.pid())?)?;
    second.add(member.pid())?;
    let after = cgroup(member.pid(), TREE)?;
    stage
        .state("kernel state")
        .compare(&before, &between, "moved")
        .compare(&between, &after, "moved once more")
        .show();
    let (in_first, from) = is_in(&first, member.pid())?;
    let (in_second, to) = is_in(&second, member.pid())?;
    stage.check("the first file does not list it any more").expect(false).saw((in_first, from))?;
    stage.check("the second one does").saw((in_second, to))?;
    let observed = match (in_first, in_second) {
        (true, true) => "in both",
        (true, false) => "in the first: the second write fails",
        _ => "in the second",
    };
    stage.reveal(
        guess,
        observed,
        "cgroup.procs looks like a list and is not one. To write a number means: this process, into this group.
         So nothing takes a process out of a group but a write into another one.",
    )?;
    stage.why(
        "In version 1 each controller has a tree of its own, and a process has one place in each of them:
         /proc/PID/cgroup has a line for each tree. In version 2 there is one tree, and one line that begins
         with 0::. Some machines have both.",
        &[man("cgroups", 7), kernel_doc("Control Group v2", "admin-guide/cgroup-v2")],
    );
    stage.try_it(format!("cat /proc/{}/cgroup", member.pid()), "its place in every tree of this machine");
    stage.pause("the process waits in the second group")?;
    member.finish()?;
    Ok((first, second))
}
// ANCHOR_END: in_one_group

// ANCHOR: inherited_once
fn inherited_once(stage: &mut Stage, first: &Group, second: &Group) -> Result<()> {
    stage.step("a child begins where its parent is");
    stage.say(
        "A group would be of little use if a program could leave it by starting another program. A parent is
         put into `first`, and makes a child there. Then we move the parent on to `second`.",
    );
    let guess = stage.predict(
        "In which group is the child, after its parent has been moved?",
        &["in none", "in `first`", "in `second`, with its parent"],
    );

    let mut parent = stage.child("parent", Clone3::new(), |inside| {
        inside.hold()?;
        let child = inside.child("child", Clone3::new(), |child| {
            let own = getpid()?;
            child.check("nobody wrote its number, and it is in `first`").saw(is_in(first, own)?)?;
            child.hold()
        })?;
        inside.hold()?;
        child.finish()
    })?;
    first.add(parent.pid())?;
    parent.go_on();
    let child = children(parent.pid())?.first().map_or(parent.pid(), |pid| Pid::from_raw(*pid as i32));
    let before = [cgroup(parent.pid(), TREE)?, cgroup(child, TREE)?];
    second.add(parent.pid())?;
    let after = [cgroup(parent.pid(), TREE)?, cgroup(child, TREE)?];
    stage
        .state("kernel state")
        .compare(&before[0], &after[0], "the parent was moved")
        .compare(&before[1], &after[1], "the child was not")
        .show();
    stage.check("the parent is in `second`").saw(is_in(second, parent.pid())?)?;
    let (stayed, source) = is_in(first, child)?;
    stage.check("its child is still in `first`").saw((stayed, source))?;
    let observed = if stayed { "in `first`" } else { "in `second`, with its parent" };
    stage.reveal(
        guess,
        observed,
        "The group is inherited once, by fork. From then on every process has its own place, and a move takes
         one process along, not a family. Whoever comes too late has to move them one by one, and may miss
         those that are made meanwhile.",
    )?;
    stage.why(
        "So a container manager puts the first process into the group before it does anything, or has clone3()
         start it there: CLONE_INTO_CGROUP. All that a container ever starts is in the group then, daemons
         that leave their session and their parent included.",
        &[man("cgroups", 7), man("clone", 2)],
    );
    stage.try_it(format!("cat {}", first.path(PIDS_PROCS)?.display()), "the child, alone");
    stage.pause("parent and child wait, in two groups")?;
    parent.finish()
}
// ANCHOR_END: inherited_once

// ANCHOR: removing
fn removing(stage: &mut Stage, tree: LessonGroup, first: LessonGroup, second: LessonGroup) -> Result<()> {
    stage.step("rmdir, when it is empty");
    stage.say("A process is in `first` again. Now we remove the group under its feet.");
    let guess = stage.predict(
        "What does rmdir do to a group with a process in it?",
        &["it moves the process up to the parent", "it kills the process", "it fails"],
    );

    let member = stage.child_in(&first, "member", Clone3::new(), Stage::hold)?;
    let refused = fs::rmdir(dir(&first)?).refused();
    stage.check("a group with a process is busy").expect(Errno::EBUSY).saw((refused, "rmdir()"))?;
    let above = fs::rmdir(dir(&tree)?).refused();
    stage.check("and so is a group with groups below it").expect(Errno::EBUSY).saw((above, "rmdir()"))?;
    stage.check("the process has noticed nothing").saw(is_in(&first, member.pid())?)?;
    let observed = if refused.is_some() { "it fails" } else { "it kills the process" };
    stage.reveal(
        guess,
        observed,
        "EBUSY is all that one ever sees of a process that was forgotten. A group goes from the inside out: first
         its processes, then the groups below it, then the group.",
    )?;
    stage.try_it(format!("cat {}", first.path(PIDS_PROCS)?.display()), "who keeps it busy");
    stage.pause("the group is busy; next its process is ended")?;

    kill(member.pid(), Sig::SIGKILL)?;
    let ended = member.wait()?;
    let killed = Ended::Killed(Sig::SIGKILL).to_string();
    stage.check("the process has ended").expect(killed).saw((ended.to_string(), "wait4()"))?;
    let gone = dir(&first)?;
    first.remove()?;
    second.remove()?;
    tree.remove()?;
    stage
        .check("now rmdir works, although the directory is full of files")
        .expect(false)
        .saw((gone.exists(), gone.to_string_lossy()))?;
    stage.why(
        "rm -r does not work here: it begins with the files, and those cannot be removed. rmdir works at once,
         because they were never there. Version 2 has a file for those who want to end a whole group: 1 written
         to cgroup.kill ends all of its processes, since Linux 5.14.",
        &[man("cgroups", 7), man("rmdir", 2)],
    );
    stage.pause("all of these groups are gone")
}
// ANCHOR_END: removing

/// What a machine with version 1 cannot show.
fn of_version_2() -> Refusal {
    Refusal {
        why: "the memory controller is in a tree of version 1 here, which allows them".into(),
        hint: "boot a system of after 2020, or with systemd.unified_cgroup_hierarchy=1".into(),
    }
}

// ANCHOR: inner_groups
fn inner_groups(stage: &mut Stage) -> Result<()> {
    stage.step("processes in inner groups");
    stage.say(
        "A group `inner` has a process. Below it we make a group `leaf`, which is to have a memory limit of its
         own. Who gets what, when a process stands beside a group? The two versions answer differently.",
    );
    let guess = stage.predict(
        "May the process stay in `inner`, when `leaf` is to be limited?",
        &["yes", "no: it has to move into a leaf first"],
    );

    let inner = match stage.cgroup("inner", &[Controller::Memory]) {
        Err(Error::Cgroup(missing)) => {
            stage.skip("processes in inner groups", explain(&missing));
            stage.why(WHY_LEAVES, &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2")]);
            return stage.pause("nothing to be seen here");
        }
        inner => inner?,
    };
    let leaf = stage.cgroup_below(&inner, "leaf")?;
    let member = stage.child_in(&inner, "member", Clone3::new(), Stage::hold)?;
    let limit = leaf.path(MEMORY_MAX)?;
    let allowed = match inner.version(Controller::Memory)? {
        Version::V2 => {
            let before = limit.exists();
            stage
                .check("the leaf cannot be limited yet")
                .expect(false)
                .saw((before, limit.to_string_lossy()))?;
            let refused = inner.hand_on(Controller::Memory).refused();
            stage
                .check("a group with a process cannot hand the memory controller on")
                .expect(Errno::EBUSY)
                .saw((refused, "write() to cgroup.subtree_control"))?;
            stage.say("The right way: first the process moves down, then the controller is handed on.");
            leaf.add(member.pid())?;
            inner.hand_on(Controller::Memory)?;
            stage.check("now the leaf has a limit").saw((limit.exists(), limit.to_string_lossy()))?;
            let back = inner.add(member.pid()).refused();
            stage
                .check("and no process can go back into the inner group")
                .expect(Errno::EBUSY)
                .saw((back, "write() to cgroup.procs"))?;
            refused.is_none()
        }
        Version::V1 => {
            let limited = fs::write(&limit, "16M").refused();
            stage
                .check("the leaf is limited, with the process above it")
                .expect("granted")
                .saw((limited, "write()"))?;
            stage.skip("version 2 refusing processes in inner groups", of_version_2());
            limited.is_none()
        }
    };
    let observed = if allowed { "yes" } else { "no: it has to move into a leaf first" };
    stage.reveal(
        guess,
        observed,
        "Version 1 allows it, and each controller had rules of its own for a process that competes with a group.
         Version 2 refuses with EBUSY: a group has processes, or it hands memory on to groups below it. Not both.",
    )?;
    stage.why(WHY_LEAVES, &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("cgroups", 7)]);
    stage.try_it(format!("cat /proc/{}/cgroup", member.pid()), "where the process is now");
    stage.pause("a group, a group in it, and a process")?;
    kill(member.pid(), Sig::SIGKILL)?;
    member.wait()?;
    leaf.remove()?;
    inner.remove()
}
// ANCHOR_END: inner_groups

const WHY_LEAVES: &str = "It is called the rule of no internal processes. It holds for what a group has as a
    whole, such as memory and input and output; pids and cpu can also divide between threads, and threaded groups have
    rules of their own. The first group of all is exempt. Docker inside of a container meets the rule: it has to move
    its own processes into a group below before it can limit others.";
