//! Joining namespaces: what `docker exec` does, and what keeps a namespace alive.

mod lab;

use crate::event::man;
use crate::kernel::mount::{Flags, UmountFlags, bind, mount, umount2};
use crate::kernel::namespace::{Kind, setns, setns_file};
use crate::kernel::process::{Clone3, Sig, getpid, kill};
use crate::kernel::{Errno, Pid, Refused, fs, uts};
use crate::machine::Need;
use crate::probe::process::{children, listed, mounted, namespace, namespace_for_children, status};
use crate::probe::{Reading, file};
use crate::stage::{Child, Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "join",
    title: "Joining namespaces",
    minutes: 7,
    builds_on: &["pid", "mount"],
    steps: 4,
    needs: &[
        Need::Kernel(5, 8),
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Proc,
    ],
    run,
    lab: lab::LAB,
};

const HOSTNAME: &str = "/proc/sys/kernel/hostname";
const NAME: &str = "glass";

fn run(stage: &mut Stage) -> Result<()> {
    let container = one_by_one(stage)?;
    only_children(stage, container.pid())?;
    exec(stage, container.pid())?;
    nobody_inside(stage, container)
}

// ANCHOR: one_by_one
fn one_by_one(stage: &mut Stage) -> Result<Child> {
    stage.step("one namespace at a time");
    stage.say(
        "A container is running: a process with mounts, a host name, IPC and process numbers of its own. Each link
         in its /proc/PID/ns stands for a namespace, and whoever opens the link can join it with setns().",
    );
    let container = stage.child("container", Clone3::new().newns().newuts().newipc().newpid(), |inside| {
        uts::sethostname(NAME)?;
        mount("proc", "/proc", "proc", Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC, "")?;
        inside.hold()
    })?;
    let pid = container.pid();
    let guess = stage.predict(
        "A visitor joins the container by its link ns/uts. What of it does the visitor see then?",
        &["all of the container", "its host name, and nothing else"],
    );

    let visitor = stage.child("visitor", Clone3::new(), |visitor| {
        let (before, name) = (some_links()?, file(HOSTNAME)?);
        setns_file(format!("/proc/{pid}/ns/uts"), Kind::Uts)?;
        let (after, name_now) = (some_links()?, file(HOSTNAME)?);
        visitor
            .state("kernel state")
            .compare(&name.varying(), &name_now, "the container's")
            .compare(&before[0], &after[0], "joined")
            .compare(&before[1], &after[1], "")
            .compare(&before[2], &after[2], "")
            .show();
        visitor.check("the host name is the container's").expect(NAME).saw(&name_now)?;
        visitor.check("its mounts are what they were").expect(&before[1]).saw(&after[1])?;
        visitor.check("its IPC objects are what they were").expect(&before[2]).saw(&after[2])?;
        let alone = before[1..] == after[1..];
        let observed = if alone { "its host name, and nothing else" } else { "all of the container" };
        visitor.reveal(
            guess,
            observed,
            "The kernel knows no containers that could be entered. It knows namespaces of eight kinds, and a process
             may be in some of this container and others of that one. Pods and sidecars are made so.",
        )?;
        visitor.hold()
    })?;
    let (theirs, its) = (namespace(pid, Kind::Uts)?, namespace(visitor.pid(), Kind::Uts)?);
    stage.check("visitor and container are in one UTS namespace").expect(&theirs).saw(&its)?;
    stage.why(
        "The link is no ordinary one: to open it leads to the namespace itself, and the descriptor keeps it alive.
         setns() wants CAP_SYS_ADMIN in the user namespace that owns it, so nobody joins what is not his.",
        &[man("setns", 2), man("namespaces", 7)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-u", "uname -n"), "the host name, and you see the host's files");
    stage.pause("the visitor waits: in one of the container's namespaces, and in no other")?;
    visitor.finish()?;
    Ok(container)
}

fn some_links() -> Result<[Reading; 3]> {
    Ok([namespace("self", Kind::Uts)?, namespace("self", Kind::Mnt)?, namespace("self", Kind::Ipc)?])
}
// ANCHOR_END: one_by_one

// ANCHOR: only_children
fn only_children(stage: &mut Stage, pid: Pid) -> Result<()> {
    stage.step("the visitor who stays outside");
    stage.say(
        "The same with process numbers: a visitor joins the container's PID namespace, and asks for its number.",
    );
    let guess = stage.predict(
        "setns() into the PID namespace has succeeded. What does getpid() return now?",
        &["1", "2", "the same as before"],
    );

    let mut visitor = stage.child("visitor", Clone3::new(), |visitor| {
        let (number, own) = (getpid()?, namespace("self", Kind::Pid)?);
        let childrens = namespace_for_children("self", Kind::Pid)?;
        setns_file(format!("/proc/{pid}/ns/pid"), Kind::Pid)?;
        let (number_now, own_now) = (getpid()?, namespace("self", Kind::Pid)?);
        let childrens_now = namespace_for_children("self", Kind::Pid)?;
        visitor
            .state("kernel state")
            .compare(&own, &own_now, "not joined, in spite of the 0")
            .compare(&childrens, &childrens_now, "where its children are going to be")
            .show();
        visitor.check("the visitor is not inside").expect(&own).saw(&own_now)?;
        visitor.check("and has the number that it had").expect(number).saw((number_now, "getpid()"))?;
        visitor.reveal(
            guess,
            if number == number_now { "the same as before" } else { "2" },
            "A number may not change while a process runs: it is in pid files, in the C library, and with its
             parent. So setns() says 0, and all that it did is to decide about the children to come.",
        )?;
        visitor.hold()?;
        visitor.say("So it takes a second call: the child is inside from its first instruction.");
        let child = visitor.child("child", Clone3::new(), |child| {
            getpid()?;
            let its = namespace("self", Kind::Pid)?;
            child.check("the child is inside").expect(&childrens_now).saw(&its)?;
            let refused = kill(number, Sig::SIGCONT).refused();
            child
                .check("for the child its own parent is nobody")
                .expect(Errno::ESRCH)
                .saw((refused, format!("kill({number}, SIGCONT)")))?;
            child.hold()
        })?;
        visitor.hold()?;
        child.finish()
    })?;
    stage.pause("setns() has succeeded, and the visitor is still outside")?;
    visitor.go_on();

    let child = children(visitor.pid())?.first().copied().unwrap_or_default();
    let numbers = status(child, "NSpid")?;
    stage.state("kernel state").new(&numbers, "on the host, and inside").show();
    stage
        .check("the child has a number in both namespaces")
        .expect(2usize)
        .saw((numbers.numbers().len(), &numbers.source))?;
    stage.why(
        "This is why nsenter -p forks, why unshare -p has --fork, and why `docker exec` starts a helper that makes
         the process and then ends. The kinds user, mount and time move their caller, if it has a single thread.",
        &[man("pid_namespaces", 7), man("nsenter", 1)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-p", "sh -c 'echo $$'"), "your own number inside");
    stage.pause("the visitor is outside, and its child is inside")?;
    visitor.finish()
}
// ANCHOR_END: only_children

// ANCHOR: exec
fn exec(stage: &mut Stage, pid: Pid) -> Result<()> {
    stage.step("docker exec, by hand");
    stage.say(
        "Now all of it, as `docker exec` does: join each of the container's namespaces, then make a child. Instead of
         the links we take a pidfd, a descriptor of the container's process.",
    );
    let kinds = [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid];
    let guess = stage.predict(
        "Four namespaces are to be joined. How many setns() calls does that take?",
        &["four", "one"],
    );

    let visitor = stage.child("visitor", Clone3::new(), |visitor| {
        setns(pid, &kinds)?;
        let command = visitor.child("command", Clone3::new(), |command| {
            command.check("inside, the host is called glass").expect(NAME).saw(&file(HOSTNAME)?)?;
            let (own, all) = (getpid()?.as_raw() as u64, listed()?);
            let both = all.contains(&1) && all.contains(&own);
            command.check("inside, ps shows number 1 and the command").saw((both, "/proc"))?;
            command.hold()
        })?;
        visitor.hold()?;
        command.finish()
    })?;
    let command = children(visitor.pid())?.first().copied().unwrap_or_default();
    let mut table = stage.side_by_side("namespaces", "container", "command");
    let mut joined = 0;
    for kind in kinds {
        let (theirs, its) = (namespace(pid, kind)?, namespace(command, kind)?);
        stage.check(format!("its {kind} namespace is the container's")).expect(&theirs).saw(&its)?;
        joined += usize::from(theirs.text == its.text);
        table = table.compare(&theirs, &its.labelled(format!("ns/{kind}")), "");
    }
    table.show();
    stage.reveal(
        guess,
        if joined == kinds.len() { "one" } else { "four" },
        "Since Linux 5.8 setns() takes a pidfd and a flag for each kind: all are joined, or none. Older tools open
         the links one by one, and have to think of the order: with the mounts, /proc becomes another one.",
    )?;
    stage.why(
        "`docker exec` then does what was done to number 1 at its start: the process goes into the container's
         cgroup, gives up the same capabilities and loads the same filter. Nothing of that comes with a namespace.
         Forgotten, it would be a process with the container's view and the host's powers.",
        &[man("setns", 2), man("pidfd_open", 2), man("nsenter", 1)],
    );
    stage.try_it(
        stage.scene().nsenter(pid, "-m -u -i -p", "ps ax"),
        "a command in the container, and your own ps",
    );
    stage.pause("a second process is in the container, and it is not a child of number 1")?;
    visitor.finish()
}
// ANCHOR_END: exec

// ANCHOR: nobody_inside
fn nobody_inside(stage: &mut Stage, container: Child) -> Result<()> {
    stage.step("a namespace with nobody inside");
    stage.say(
        "A namespace goes with its last process, it is said. In truth it goes with the last reference, and a process
         is one of several. We bind the link ns/uts to a file of ours, /tmp/kept, and end the container.",
    );
    let pid = container.pid();
    let link = format!("/proc/{pid}/ns/uts");
    let was = namespace(pid, Kind::Uts)?;
    fs::create("kept", "")?;
    bind(&link, "kept")?;
    let guess = stage.predict(
        "No process is in the namespace any more. A visitor joins it by /tmp/kept. What is the host called?",
        &["setns() fails", "by the host's name", "glass"],
    );
    kill(pid, Sig::SIGKILL)?;
    container.wait()?;

    let gone = setns_file(&link, Kind::Uts).refused();
    stage.check("the link went with the process").expect(Errno::ENOENT).saw((gone, &link))?;
    let kept = mounted("self", "/tmp/kept")?;
    stage.state("kernel state").gone(&was, "nobody is inside").new(&kept, "and it is still there").show();
    let host = file(HOSTNAME)?;
    let visitor = stage.child("visitor", Clone3::new(), |visitor| {
        let joined = setns_file("kept", Kind::Uts).refused();
        let (name, its) = (file(HOSTNAME)?, namespace("self", Kind::Uts)?);
        visitor.check("it is the very namespace of the container").expect(&was).saw(&its)?;
        visitor.check("with its host name in it").expect(NAME).saw(&name)?;
        let observed = match joined {
            Some(_) => "setns() fails",
            None if name == host => "by the host's name",
            None => "glass",
        };
        visitor.reveal(
            guess,
            observed,
            "A process inside, an open descriptor, a bind mount: each of them keeps a namespace alive. `ip netns add` makes a network without any process by this very mount, in /run/netns.",
        )?;
        visitor.hold()
    })?;
    stage.why(
        "Kubernetes takes the other way: a process that does nothing but wait, called pause, holds the namespaces of
         a pod while its containers come and go.",
        &[man("namespaces", 7), man("ip-netns", 8)],
    );
    let own = stage.backstage(getpid)?;
    let enter = stage.scene().nsenter(own, "-m", "nsenter --uts=/tmp/kept uname -n");
    stage.try_it(enter, "join what nobody else is in");
    stage.pause("the container is gone; the mount is still there")?;
    visitor.finish()?;
    umount2("kept", UmountFlags::empty())?;
    let refused = setns_file("kept", Kind::Uts).refused();
    stage.check("without the mount it is an ordinary file").expect(Errno::EINVAL).saw((refused, "/tmp/kept"))
}
// ANCHOR_END: nobody_inside
