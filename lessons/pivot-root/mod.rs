//! `pivot_root`: another root for a whole mount namespace, and the old one taken out of it.

mod lab;

use std::path::Path;

use super::chroot::{leave, read};
use crate::container::{devices, root};
use crate::event::man;
use crate::image::tiny;
use crate::kernel::mount::{Flags, UmountFlags, bind, make_private, mount, pivot_root, umount2};
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, Ended, Sig, kill};
use crate::kernel::{Errno, Pid, Refused, fs};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::files::identity;
use crate::probe::mounts::mounts;
use crate::probe::process::{directories, mount_points};
use crate::stage::{Child, Lesson, Prediction, Program, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "pivot-root",
    title: "pivot_root",
    minutes: 12,
    builds_on: &["pid", "chroot"],
    steps: 5,
    needs: &[Need::Namespace(Kind::Mnt), Need::Namespace(Kind::Pid), Need::Proc],
    run,
    lab: lab::LAB,
};

/// A file of the host's, and the directory that is to be the root.
const SECRET: &str = "/tmp/secret";
const NEW: &str = "/tmp/new";
/// Where the old root goes, while it is still needed.
const OLD: &str = root::OLD_ROOT;

fn run(stage: &mut Stage) -> Result<()> {
    what_it_wants(stage)?;
    let mut shell = Program::pipes()?;
    let mut container = the_exchange(stage, &shell)?;
    the_old_root_goes(stage, &mut container)?;
    the_same_escape(stage, &mut container)?;
    a_descriptor(stage, container, &mut shell)
}

// ANCHOR: what_it_wants
fn what_it_wants(stage: &mut Stage) -> Result<()> {
    stage.step("what it wants");
    stage.say(
        "pivot_root takes two directories: the one that is to be the root, and one for the old root to go to. It
         is a call that says no. The directory /tmp/new has an image in it; a child with a mount namespace of its
         own tries to make it the root.",
    );
    fs::mkdir(NEW)?;
    stage.backstage(|| tiny::build(Path::new(NEW)))?;
    fs::create(SECRET, "42\n")?;
    let guess = stage.predict(
        "new is a directory with an image in it. What does pivot_root(new, new/put) say?",
        &["0: it is the root", "EINVAL", "EBUSY", "EPERM"],
    );

    let mut container = stage.child("container", Clone3::new().newns(), |inside| {
        ["new/put", "beside"].iter().try_for_each(fs::mkdir)?;
        let plain = pivot_root("new", "new/put").refused();
        inside.check("a directory is not enough").expect(Errno::EINVAL).saw((plain, "pivot_root()"))?;
        inside.reveal(
            guess,
            &plain.map_or("0: it is the root".into(), |errno| errno.shown()),
            "It is the mount at the root of the table that is exchanged, and so the new one has to be a mount. A
             bind mount of the directory onto itself makes it one.",
        )?;
        bind("new", "new")?;

        let beside = pivot_root("new", "beside").refused();
        inside
            .check("the old root has to go to a place below the new one")
            .expect(Errno::EINVAL)
            .saw((beside, "pivot_root()"))?;
        let same = pivot_root("new", "/").refused();
        inside
            .check("neither of the two may be on the root's own mount")
            .expect(Errno::EBUSY)
            .saw((same, "pivot_root()"))?;
        mount("", "/tmp", "", Flags::MS_SHARED, "")?;
        let shared = pivot_root("new", "new/put").refused();
        inside
            .check("nor may the mount around it be shared")
            .expect(Errno::EINVAL)
            .saw((shared, "pivot_root()"))?;
        inside.hold()?;

        make_private("/")?;
        pivot_root("new", "new/put")?;
        inside.hold()
    })?;

    let pid = container.pid();
    let before = root_mount(pid)?.varying();
    container.go_on();
    let after = root_mount(pid)?;
    stage.state("the container's mount table").compare(&before, &after, "the directory new").show();
    stage.check("its root is mounted from the directory").expect("/new").saw(&after)?;
    stage.why(
        "EINVAL is all that the kernel says of five different faults, which the manual page lists; that the caller
         is in a chroot is another of them. The rule about shared mounts keeps the exchange from reaching other
         mount namespaces. On a machine with systemd every mount is shared, so making them private comes first.",
        &[man("pivot_root", 2), man("mount_namespaces", 7)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-m", "ls /"), "in its mount namespace: no -r is needed");
    stage.pause("four refusals, and then the call has worked")?;
    container.finish()?;
    fs::rmdir("new/put")?;
    Ok(())
}
// ANCHOR_END: what_it_wants

// ANCHOR: the_exchange
fn the_exchange(stage: &mut Stage, shell: &Program) -> Result<Child> {
    stage.step("the exchange");
    stage.say(
        "Once more, as a runtime does it; and this time a second process is there, in the same mount namespace.
         It stands at /, and calls nothing at all.",
    );
    let guess = stage.predict(
        "The container calls pivot_root. Which root has the second process then?",
        &["the host's, as before", "the new one"],
    );
    let clone = Clone3::new().newns().newpid();
    let container = stage.child("container", clone, |inside| contained(inside, guess, shell))?;

    let pid = container.pid();
    let (hosts, its) = (root_identity("self")?, root_identity(pid)?);
    stage.side_by_side("the root directory", "host", "container").compare(&hosts, &its, "the image").show();
    stage.check("the host's root is another directory").expect_other_than(&hosts).saw(&its)?;
    stage.check("the old root is still there").saw((mount_points(pid)?.contains(&OLD.into()), OLD))?;
    stage.why(
        "chroot sets a field of one process. pivot_root changes the mount table, and then goes through every
         process of the mount namespace: whoever had the old root, as its root or as its working directory, gets
         the new one. So nobody is left who could bring the others out.",
        &[man("pivot_root", 2), man("chroot", 2)],
    );
    stage.try_it(format!("grep ' {OLD} ' /proc/{pid}/mountinfo"), "the old root");
    stage.pause("the container has its root, and the host's files are at /old")?;
    Ok(container)
}

/// The container's own part. Each `hold` lets the host look.
fn contained(inside: &mut Stage, guess: Prediction, shell: &Program) -> Result<()> {
    make_private("/")?;
    bind(NEW, NEW)?;
    let forgotten = fs::open("/tmp")?;
    let mut second = inside.child("second", Clone3::new(), |second| {
        fs::chdir("/")?;
        let before = identity("/")?;
        second.hold()?;
        let after = identity("/")?;
        second.check("the second process has another root").expect_other_than(&before).saw(&after)?;
        let observed = if before == after { "the host's, as before" } else { "the new one" };
        second.reveal(guess, observed, "It did nothing, and its root and working directory were exchanged.")
    })?;

    root::enter(Path::new(NEW))?;
    second.go_on();
    second.finish()?;
    devices::mount_proc()?;
    inside.check("the host's file is at /old/tmp").expect("42").saw(&read("/old/tmp/secret"))?;
    inside.hold()?;

    let busy = umount2(OLD, UmountFlags::empty()).refused();
    inside.check("umount alone is refused").expect(Errno::EBUSY).saw((busy, "umount2()"))?;
    root::forget_old_root()?;
    inside.check("the host's file is gone").expect(Errno::ENOENT).saw(&read("/old/tmp/secret"))?;
    inside.hold()?;

    let top = identity("/")?;
    inside
        .child("escapee", Clone3::new(), |escapee| {
            leave()?;
            escapee.check("the way out leads to the same root").expect(&top).saw(&identity("/")?)?;
            escapee.check("the host's file is not there").expect(Errno::ENOENT).saw(&read(SECRET))
        })?
        .finish()?;
    inside.hold()?;

    let guess = inside.predict(
        "Before all this, the container opened the host's /tmp. Is that still of use?",
        &["no: it is unmounted", "yes"],
    );
    fs::fchdir(&forgotten)?;
    let secret = read("secret");
    inside.check("the descriptor still leads to the host's file").expect("42").saw(&secret)?;
    let observed = if secret.text == "42" { "yes" } else { "no: it is unmounted" };
    inside.reveal(
        guess,
        observed,
        "To detach a mount is to take it out of the table. Whoever holds a directory of it keeps it: this mount
         goes when the descriptor does.",
    )?;
    inside.hold()?;

    fs::chdir("/")?;
    shell.execve("/bin/sh", &["sh"], &["PATH=/bin"])
}
// ANCHOR_END: the_exchange

// ANCHOR: the_old_root_goes
fn the_old_root_goes(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("the old root goes");
    stage.say(
        "Below /old is all that the host has mounted, so it is busy. MNT_DETACH takes the whole tree out of the
         table at once, whether it is in use or not.",
    );
    let pid = container.pid();
    let before = of_the_host(pid)?.varying();
    stage.check("it has mounts of the host").expect_at_least(1).saw(&before)?;
    container.go_on();
    let (after, points) = (of_the_host(pid)?, mount_points(pid)?.join(" "));
    let points = Reading::new("all of its mounts", format!("/proc/{pid}/mountinfo"), points);
    stage
        .state("the container's mount table")
        .compare(&before, &after, "")
        .new(&points, "the image, and a /proc of its own")
        .show();
    stage.check("its mount table holds nothing of the host").expect(0usize).saw(&after)?;
    stage.check("what it has is its own").expect("/ /proc").saw(&points)?;
    stage.why(
        "The kernel compares nothing here, and there is no list of forbidden paths. A path is walked from mount to
         mount; to a mount that is not in the table no path leads, from whatever place it begins.",
        &[man("umount", 2), man("pivot_root", 2), man("proc_pid_mountinfo", 5)],
    );
    stage.try_it(format!("cat /proc/{pid}/mountinfo"), "the whole mount table of the container");
    stage.pause("the container's mount table holds two mounts")
}
// ANCHOR_END: the_old_root_goes

// ANCHOR: the_same_escape
fn the_same_escape(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("the same escape");
    stage.say(
        "Now the way out of the lesson chroot, by the very same function: mkdir, chroot, chdir upwards, chroot. The
         child has every capability that it takes.",
    );
    container.go_on();
    let pid = container.pid();
    let (host, its) = (root_identity("self")?, root_identity(pid)?);
    stage.check("the container's root is not the host's").expect_other_than(&host).saw(&its)?;
    stage.why(
        "Each of the four calls has worked, as before. The child did get above its own root, and as far up as
         `..` leads. There, at the root of the mount table, is the image.",
        &[man("path_resolution", 7), man("chroot", 2)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-m", "ls -a /"), "the top, with what the escape has left");
    stage.pause("the escape has ended where it began")
}
// ANCHOR_END: the_same_escape

// ANCHOR: a_descriptor
fn a_descriptor(stage: &mut Stage, mut container: Child, shell: &mut Program) -> Result<()> {
    stage.step("a descriptor from before");
    stage.say(
        "One thing pivot_root does not touch: what is open. The container has opened /tmp before the exchange, and
         has it still.",
    );
    container.go_on();
    let pid = container.pid();
    let before = directories(pid)?.len();
    container.go_on();
    let after = directories(pid)?.len();
    let closed = (after, format!("/proc/{pid}/fd"));
    stage.check("execve has closed it").expect_at_most(before.saturating_sub(1) as u64).saw(closed)?;
    let found = shell.type_in("cat /tmp/secret")? == "42";
    stage.check("the program inside does not get at it").expect(false).saw((found, "cat /tmp/secret"))?;
    stage.why(
        "The descriptor was made with O_CLOEXEC, which makes the kernel close it when the process becomes another
         program. A runtime gives the flag to everything that it opens, and closes what it was started with:
         close_range(2). The working directory is a directory that is held, too: hence chdir(\"/\").",
        &[man("open", 2), man("close_range", 2), man("execve", 2)],
    );
    stage.try_it(format!("ls -l /proc/{pid}/fd"), "what the program has open");
    stage.pause("a shell runs in the container; [s] opens a second one")?;
    kill(pid, Sig::SIGKILL)?;
    let ended = container.wait()?.to_string();
    stage
        .check("the container is gone")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((ended, "wait4()"))
}
// ANCHOR_END: a_descriptor

/// How many mounts of a process show what the host has mounted, too.
fn of_the_host(pid: Pid) -> Result<Reading> {
    let host = mounts("self")?;
    let count = mounts(pid)?.iter().filter(|its| host.iter().any(|own| own.shows_the_same(its))).count();
    Ok(Reading::new("mounts of the host", format!("/proc/{pid}/mountinfo"), count.to_string()))
}

/// Which directory of its file system is mounted at the root.
fn root_mount(pid: Pid) -> Result<Reading> {
    let mounts = mounts(pid)?;
    let root = mounts.iter().rfind(|mount| mount.point == "/").map_or("(none)", |mount| &mount.root);
    Ok(Reading::new("mounted at /", format!("/proc/{pid}/mountinfo /"), root))
}

/// Which directory a process has as its root.
fn root_identity(who: impl std::fmt::Display) -> Result<Reading> {
    Ok(identity(format!("/proc/{who}/root"))?.labelled("/"))
}
