//! Capabilities: root's power in pieces, five sets of them, and what is left without any.

mod each;
mod lab;

use crate::event::man;
use crate::kernel::capability::{DOCKER_DEFAULT, Set, bound, capset, shown};
use crate::kernel::guarded::keep_awake;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::Kind;
use crate::kernel::process::Clone3;
use crate::kernel::user::getuid;
use crate::kernel::uts::sethostname;
use crate::kernel::{Errno, Refused, fs, net};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::files::owner;
use crate::probe::process::{capabilities, watched_events};
use crate::stage::{Lesson, Program, Result, Shown, Stage};
use each::{EVERYWHERE, Each, Props, SOMEWHERE, saying};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "capabilities",
    title: "Capabilities",
    minutes: 12,
    builds_on: &["user"],
    steps: 4,
    needs: &[
        Need::Namespace(Kind::User),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Net),
        Need::Program("cat"),
    ],
    run,
    lab: lab::LAB,
};

/// The five sets, as `/proc/PID/status` calls them, and what each is for.
const SETS: [(&str, &str); 5] = [
    ("CapBnd", "bounding: what programs can get"),
    ("CapPrm", "permitted: what it may use"),
    ("CapEff", "effective: what the kernel asks for"),
    ("CapInh", "inheritable: kept for marked programs"),
    ("CapAmb", "ambient: kept for any program"),
];

/// A file that nobody may read, and a directory to mount on.
const CLOSED: &str = "/tmp/closed";
const PLACE: &str = "/tmp/place";

/// A file of root, and one that is not.
const OWN: &str = "/tmp/own";
const FOREIGN: &str = "/tmp/foreign";

fn run(stage: &mut Stage) -> Result<()> {
    five_sets(stage)?;
    what_fails(stage)?;
    one_by_one(stage)?;
    root_with_none(stage)
}

// ANCHOR: five_sets
fn five_sets(stage: &mut Stage) -> Result<()> {
    stage.step("five sets");
    stage.say(
        "The power of root is cut into some forty pieces, the capabilities. A process holds five sets of them. We
         take a root, and leave it the fourteen that docker leaves. First they go from the bounding set.",
    );
    let guess = stage.predict(
        "CAP_SYS_ADMIN, which sethostname() wants, is gone from the bounding set. What does the call answer?",
        &["0", "EPERM"],
    );

    let mut container = stage.child("container", apart(), |inside| {
        inside.check("it is root").expect(0).saw((getuid()?, "getuid()"))?;
        inside.hold()?;
        inside.depending_on_machine(|| bound(DOCKER_DEFAULT))?;
        let refused = sethostname("glass").refused();
        inside.check("it can still name the host").expect(None::<Errno>).saw((refused, "sethostname()"))?;
        inside.reveal(
            guess,
            &refused.map_or("0".into(), |errno| errno.shown()),
            "The bounding set says what a program can get when it is executed. What the process already has it
             keeps. The kernel asks for the effective set, and capset() has to take it from there.",
        )?;
        inside.hold()?;
        capset(DOCKER_DEFAULT)?;
        let refused = sethostname("glass").refused();
        inside.check("after capset it cannot").expect(Errno::EPERM).saw((refused, "sethostname()"))?;
        inside.hold()
    })?;

    let pid = container.pid();
    let before = sets(pid)?;
    stage.check("root may use all that its bounding set has").expect(&before[0]).saw(&before[1])?;
    container.go_on();
    let bounded = sets(pid)?;
    show(stage, "after PR_CAPBSET_DROP", &before, &bounded);
    stage.check("the bounding set is docker's list").expect(docker()).saw(&bounded[0])?;
    stage.check("what it may use is as before").expect(&before[1]).saw(&bounded[1])?;

    container.go_on();
    let after = sets(pid)?;
    show(stage, "after capset", &bounded, &after);
    stage.check("now it may use docker's list only").expect(docker()).saw(&after[1])?;
    stage.check("and uses all of that").expect(docker()).saw(&after[2])?;
    stage.check("nothing is inheritable").expect("(none)").saw(&after[3])?;
    stage.check("nothing is ambient").expect("(none)").saw(&after[4])?;
    stage.why(
        "Permitted is what a process may have, effective what it has now; it can put capabilities aside and take
         them up again. Inheritable and ambient pass on to programs of users who are not root. The bounding set
         can only shrink: for the process and all of its descendants.",
        &[man("capabilities", 7), man("capset", 2), man("prctl", 2)],
    );
    stage.try_it(format!("grep Cap /proc/{pid}/status"), "its five sets, as numbers");
    stage.try_it(format!("grep Cap /proc/{pid}/status /proc/$$/status"), "beside those of your shell");
    stage.pause("a root with docker's list waits")?;
    container.finish()
}
// ANCHOR_END: five_sets

// ANCHOR: what_fails
fn what_fails(stage: &mut Stage) -> Result<()> {
    stage.step("what fails, and what works on");
    stage.say(
        "Another root tries what wants capabilities, in namespaces of its own, so that nothing changes outside of
         them. Then it does the same with docker's list.",
    );
    fs::create(CLOSED, "42\n")?;
    fs::chmod(CLOSED, 0)?;
    fs::mkdir(PLACE)?;
    let container = stage.child("container", apart(), |inside| {
        let before = attempts();
        for attempt in &before {
            inside.check(format!("with all: {}", attempt.label)).expect("granted").saw(attempt)?;
        }
        inside.depending_on_machine(|| bound(DOCKER_DEFAULT))?;
        capset(DOCKER_DEFAULT)?;
        inside.say("And once more, with fourteen capabilities.");
        let after = attempts();
        let notes = ["SYS_ADMIN", "SYS_ADMIN", "NET_ADMIN", "NET_BIND_SERVICE", "SYS_CHROOT", "DAC_OVERRIDE"];
        let mut table = inside.state("the same calls");
        for ((before, after), capability) in before.iter().zip(&after).zip(notes) {
            table = table.compare(before, after, capability);
        }
        table.show();
        for (nth, attempt) in after.iter().enumerate() {
            let (claim, expected) =
                if nth < DROPPED { ("without it", "EPERM") } else { ("kept by docker", "granted") };
            inside.check(format!("{claim}: {}", attempt.label)).expect(expected).saw(attempt)?;
        }
        inside.hold()
    })?;

    let pid = container.pid();
    stage.why(
        "The list is what programs in images were found to need: they change owners, switch to another user, open
         ports below 1024. What it leaves out concerns the machine: mounts, networks, clock, modules, tracing.
         CAP_SYS_ADMIN alone guards so much that it is called the new root.",
        &[man("capabilities", 7)],
    );
    stage.try_it(format!("grep CapEff /proc/{pid}/status"), "00000000a80425fb: docker's list");
    stage.pause("a root that is refused waits")?;
    container.finish()
}

/// How many of the attempts, from the first, want what docker takes away.
const DROPPED: usize = 3;

/// Calls that want capabilities, and what the kernel says to each.
fn attempts() -> Vec<Reading> {
    let port = || net::bind(std::os::fd::AsFd::as_fd(&net::stream_socket()?), net::everywhere(80));
    let tried = [
        ("set the host's name", "sethostname()", sethostname("glass").refused()),
        ("mount a tmpfs", "mount()", mount("tmpfs", PLACE, "tmpfs", Flags::empty(), "size=1m").refused()),
        ("bring lo up", "ioctl(SIOCSIFFLAGS)", net::loopback_up().refused()),
        ("take port 80", "bind()", port().refused()),
        ("change the root", "chroot()", fs::chroot("/").refused()),
        ("open a file of mode 0", "open()", fs::open(CLOSED).refused()),
    ];
    let said = |refused: Option<Errno>| refused.map_or("granted".into(), |errno| errno.shown());
    tried.into_iter().map(|(what, call, refused)| Reading::new(what, call, said(refused))).collect()
}
// ANCHOR_END: what_fails

// ANCHOR: one_by_one
fn one_by_one(stage: &mut Stage) -> Result<()> {
    stage.step("one by one");
    stage.say(
        "Docker takes twenty-seven. Three of them the kernel itself asks for nowhere: NET_BROADCAST, which has never come
         to anything, and MAC_OVERRIDE and MAC_ADMIN, which the security module Smack wants. Each of the others guards
         something, and one more root tries it, in a form from which nothing would come: reboot() without the numbers
         that it wants, a module that is not there.",
    );
    let guess = stage.predict(
        "One of these is granted without its capability, and does less than it was asked to. Which one?",
        &["restart the machine", "choose a process's number", "keep the machine awake"],
    );
    fs::create(OWN, "42\n")?;
    let foreign = somebody_elses(stage)?;
    let container = stage.child("container", apart().newipc(), |inside| {
        inside.depending_on_machine(|| bound(DOCKER_DEFAULT))?;
        capset(DOCKER_DEFAULT)?;
        let props = Props::new(OWN, foreign)?;
        attempt_each(inside, &EVERYWHERE, &props)?;
        inside.depending_on_machine(|| attempt_each(inside, &SOMEWHERE, &props))?;

        inside.say("And BLOCK_SUSPEND: the machine is not to sleep while this epoll instance has something waiting.");
        let watched = net::stream_socket()?;
        let epoll = keep_awake(&watched);
        let observed = if epoll.is_ok() { "keep the machine awake" } else { "none of these" };
        let events = watched_events(&epoll?)?;
        inside.check("EPOLLWAKEUP, 0x20000000, was left out").expect("19").saw(&events)?;
        inside.reveal(
            guess,
            observed,
            "epoll_ctl() answers 0, and drops EPOLLWAKEUP: programs that ask for it in passing are to work on. What it waits
             for is 0x19, which is EPOLLIN, EPOLLERR and EPOLLHUP. All others are refused outright.",
        )?;
        inside.hold()
    })?;

    let pid = container.pid();
    stage.why(
        "EPERM is the answer to who lacks a power. EACCES is the answer to who has no right to this one thing: a segment
         that its mode closes, a file of somebody else, a place before others. There the capability is the exception
         from a rule that holds for everybody. Most of these are asked for over the whole machine, so that root of a
         user namespace hears the same with all of his.",
        &[man("capabilities", 7)],
    );
    stage.try_it(format!("grep CapEff /proc/{pid}/status"), "the same fourteen");
    stage.pause("a root waits that was refused everything")?;
    container.finish()
}

/// A file of another user: made where there is another number, and else one of the machine's root.
fn somebody_elses(stage: &Stage) -> Result<Option<&'static str>> {
    const OF_ROOT: &str = "/etc/passwd";
    if !stage.scene().mode.is_rootless() {
        fs::create(FOREIGN, "42\n")?;
        fs::chown(FOREIGN, 1, 1)?;
        return Ok(Some(FOREIGN));
    }
    let is_ours = owner(OF_ROOT)?.text.starts_with("0:");
    Ok((!is_ours).then_some(OF_ROOT))
}

/// Try these without their capabilities, and hold the answers against what the kernel says to whoever lacks them.
fn attempt_each(inside: &Stage, list: &[Each], props: &Props) -> Result<()> {
    for each in list {
        if let Some(refusal) = each.lacks(props) {
            inside.skip(each.capability, refusal);
        }
    }
    let can_be_tried = list.iter().filter(|each| each.lacks(props).is_none());
    let tried: Vec<(&Each, Option<Errno>)> = can_be_tried.map(|each| (each, each.tried(props))).collect();
    let mut table = inside.side_by_side("without", "to", "is");
    for (each, heard) in &tried {
        let (what, says) = each.readings(*heard);
        table = table.compare(&what, &says, each.call);
    }
    table.show();
    let (missing, there): (Vec<_>, Vec<_>) =
        tried.into_iter().partition(|(each, heard)| each.missing(*heard).is_some());
    for (each, heard) in missing {
        if let Some(refusal) = each.missing(heard) {
            inside.skip(each.capability, refusal);
        }
    }
    for errno in [Errno::EPERM, Errno::EACCES] {
        let (expected, heard) = saying(&there, errno);
        inside
            .check(format!("without these the kernel says {}", errno.shown()))
            .expect(expected)
            .saw((heard, "the calls above"))?;
    }
    Ok(())
}
// ANCHOR_END: one_by_one

// ANCHOR: root_with_none
fn root_with_none(stage: &mut Stage) -> Result<()> {
    stage.step("root with none is no root");
    stage.say(
        "The third root keeps docker's list in its bounding set, and gives up every capability that it has. Its
         number is still 0, and the files of root are still its own.",
    );
    let guess = stage.predict(
        "Root without a capability executes cat, an ordinary program. Which capabilities does cat have?",
        &["none", "docker's fourteen", "all"],
    );
    let program = Program::pipes()?;
    let mut container = stage.child("container", apart(), |inside| {
        inside.depending_on_machine(|| bound(DOCKER_DEFAULT))?;
        capset(Set::empty())?;
        inside.check("its number is 0").expect(0).saw((getuid()?, "getuid()"))?;
        let refused = fs::open(CLOSED).refused();
        inside
            .check("a file that its mode closes is closed to root")
            .expect(Errno::EACCES)
            .saw((refused, "open()"))?;
        let refused = fs::chroot("/").refused();
        inside.check("chroot is refused").expect(Errno::EPERM).saw((refused, "chroot()"))?;
        inside.hold()?;
        program.execve("/bin/cat", &["cat"], &[])
    })?;

    let pid = container.pid();
    let before = sets(pid)?;
    stage.check("it has no capability").expect("(none)").saw(&before[2])?;
    container.go_on();
    let after = sets(pid)?;
    show(stage, "across execve", &before, &after);
    let observed = match after[2].text.as_str() {
        "(none)" => "none",
        ALL => "all",
        _ => "docker's fourteen",
    };
    stage.reveal(
        guess,
        observed,
        "When number 0 executes a program, the kernel gives it everything that the bounding set has. So it is not
         enough to empty the other sets: a root that gave up everything gets it back with its next program.",
    )?;
    stage.check("execve gave it docker's list").expect(docker()).saw(&after[1])?;
    stage.check("and put it into effect").expect(docker()).saw(&after[2])?;
    stage.why(
        "For number 0 every file counts as marked with everything, unless SECBIT_NOROOT is set: the new permitted
         set is the inheritable one and the bounding one together. So an empty inheritable set and a small bounding
         set hold a container's root, and docker sees to both before anything is executed.",
        &[man("capabilities", 7), man("execve", 2)],
    );
    stage.try_it(format!("grep Cap /proc/{pid}/status"), "the sets of cat");
    stage.pause("cat waits, with what the bounding set let it have")?;
    // The end of its input is its own end.
    drop(program);
    container.finish()
}
// ANCHOR_END: root_with_none

/// What the attempts change is the child's own.
fn apart() -> Clone3 {
    Clone3::new().newuts().newns().newnet()
}

/// Docker's list by name.
fn docker() -> String {
    shown(DOCKER_DEFAULT)
}

/// The five sets of a process. What equals that of our own root, which differs from machine to machine, is told so.
fn sets(pid: impl std::fmt::Display) -> Result<Vec<Reading>> {
    let ours = capabilities("self", "CapPrm")?.text;
    let read = |(field, _): (&str, &str)| {
        let reading = capabilities(&pid, field)?.labelled(field);
        Ok(if reading.text == ours { Reading { text: ALL.into(), ..reading } } else { reading })
    };
    SETS.into_iter().map(read).collect()
}

/// What a set is called that has everything which root has on this machine.
const ALL: &str = "(all of root's)";

fn show(stage: &Stage, title: &str, before: &[Reading], after: &[Reading]) {
    let mut table = stage.state(title);
    for ((before, after), (_, meaning)) in before.iter().zip(after).zip(SETS) {
        table = table.compare(before, after, meaning);
    }
    table.show();
}
