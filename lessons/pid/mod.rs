//! PID namespaces: one process, two numbers.

mod lab;
mod number_one;

use crate::event::man;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, Sig, getpid, getppid, kill};
use crate::kernel::{Errno, Pid, Refused};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::process::{children, listed, namespace, status};
use crate::stage::{Lesson, Result, Stage};
use number_one::{death_of_number_one, orphans, signals_to_number_one};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "pid",
    title: "PID namespace",
    minutes: 10,
    builds_on: &["process"],
    steps: 7,
    needs: &[Need::Namespace(Kind::Pid), Need::Proc],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    two_numbers(stage)?;
    ps_is_fooled(stage)?;
    seen_from_above(stage)?;
    nested(stage)?;
    orphans(stage)?;
    signals_to_number_one(stage)?;
    death_of_number_one(stage)
}

// ANCHOR: two_numbers
fn two_numbers(stage: &mut Stage) -> Result<()> {
    stage.step("one process, two numbers");
    stage.say(
        "Every process has a number, its pid. Which number depends on who asks: a PID namespace has a
         numbering of its own, and it begins at 1. We make a child in a new one with a single flag.",
    );
    let guess = stage.predict("What will getpid() return inside?", &["1", "its number on the host", "0"]);

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let pid = getpid()?;
        inside.check("inside, the process is number 1").expect(1).saw((pid, "getpid()"))?;
        inside.hold()
    })?;

    let numbers = status(container.pid(), "NSpid")?;
    let own = namespace("self", Kind::Pid)?;
    let its = namespace(container.pid(), Kind::Pid)?;
    stage
        .side_by_side("kernel state", "host", "container")
        .compare(&own, &its.clone().labelled("ns/pid"), "a new namespace")
        .compare(&status("self", "NSpid")?, &numbers.clone().labelled("NSpid"), "two numbers, one process")
        .show();
    stage
        .check("the host knows it under another number")
        .expect([container.pid().to_string(), "1".into()])
        .saw(&numbers)?;
    stage.check("it is in another PID namespace").expect_other_than(&own).saw(&its)?;
    let observed = match numbers.innermost() {
        Some(1) => "1",
        Some(0) => "0",
        _ => "its number on the host",
    };
    stage.reveal(
        guess,
        observed,
        "The kernel keeps one number for each namespace that can see the process. `NSpid` lists them all,
         the outermost first. There is no number 0 to be had: 0 is what the kernel answers when it means
         somebody whom you cannot see.",
    )?;
    stage.why(
        "A container's first process is number 1, like init on a machine of its own, and programs that
         expect that work unchanged. `docker run` and `podman run` set this very flag.",
        &[man("pid_namespaces", 7), man("clone", 2)],
    );
    stage.try_it(format!("grep NSpid /proc/{}/status", container.pid()), "both numbers, read by you");
    stage.pause("the child waits, so that you can look at it from the host")?;
    container.finish()
}
// ANCHOR_END: two_numbers

// ANCHOR: ps_is_fooled
fn ps_is_fooled(stage: &mut Stage) -> Result<()> {
    stage.step("ps shows the wrong processes");
    stage.say(
        "`ps` makes no special system call: it lists the numbers in /proc. The child has a copy of our mount
         table, and the /proc in it was mounted for our namespace.",
    );
    let guess =
        stage.predict("The child lists /proc. Whose processes does it see?", &["only its own", "the host's"]);
    let host = getpid()?.as_raw() as u64;

    let container = stage.child("container", Clone3::new().newpid().newns(), |inside| {
        let (before, fooled) = (how_many()?.varying(), listed()?.contains(&host));
        inside.check("before: /proc lists the host's processes").saw((fooled, "/proc"))?;
        let observed = if fooled { "the host's" } else { "only its own" };
        inside.reveal(
            guess,
            observed,
            "This is the mistake that everybody makes once: the new namespace is there, but the old /proc
             still shows the old one. A /proc belongs to the PID namespace of whoever mounts it.",
        )?;
        inside.say("Now the child mounts a /proc of its own over the old one.");
        mount("proc", "/proc", "proc", Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC, "")?;
        inside
            .state("what ps has to go by, inside")
            .compare(&before, &how_many()?, "the child, and nobody else")
            .show();
        inside
            .check("after: /proc lists number 1 and nobody else")
            .expect([1u64])
            .saw((listed()?, "/proc"))?;
        inside.hold()
    })?;

    let still = listed()?.contains(&host);
    stage.check("the host's own /proc has not changed").saw((still, "/proc"))?;
    stage.why(
        "The mount is private to the child's mount namespace, which is why the two kinds of namespace are
         nearly always made together. `unshare --pid --fork --mount-proc` does the same.",
        &[man("proc", 5), man("unshare", 1)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-p -m", "ps ax"), "what ps shows inside");
    stage.pause("the child waits with its own /proc")?;
    container.finish()
}

fn how_many() -> Result<Reading> {
    Ok(Reading::new("processes in /proc", "/proc", listed()?.len().to_string()))
}
// ANCHOR_END: ps_is_fooled

// ANCHOR: seen_from_above
fn seen_from_above(stage: &mut Stage) -> Result<()> {
    stage.step("the host sees everything");
    stage.say(
        "Textbooks say that nobody else can see the processes in a PID namespace. Let us ask everybody who could:
         a process in a container, the host, and a neighbour in another container. Each sends a signal that does
         no harm, SIGCONT: to be able to name a process is to see it.",
    );
    let guess = stage.predict(
        "Who can send a signal to the process in the container?",
        &["only processes in the same container", "they, and the host", "everybody"],
    );
    let host = getpid()?;

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        inside.check("inside, its parent has no number").expect(0).saw((getppid()?, "getppid()"))?;
        let refused = kill(host, Sig::SIGCONT).refused();
        inside
            .check("looking out: the host's number means nobody")
            .expect(Errno::ESRCH)
            .saw((refused, format!("kill({host}, SIGCONT)")))?;
        inside.hold()
    })?;
    let its = container.pid();
    let listed = listed()?.contains(&(its.as_raw() as u64));
    stage.check("looking in: the host lists the process inside").saw((listed, "/proc"))?;
    let from_above = signal(its);
    stage.check("and may send it signals").expect("granted").saw(&from_above)?;

    let neighbour = stage.child("neighbour", Clone3::new().newpid(), |neighbour| {
        let from_beside = signal(its);
        neighbour
            .side_by_side("a signal to the process in the container", "by the host", "by the neighbour")
            .compare(&from_above, &from_beside, "down, and not sideways")
            .show();
        neighbour.check("looking sideways: nobody is there").expect(Errno::ESRCH).saw(&from_beside)?;
        let observed = match (from_above.text.as_str(), from_beside.text.as_str()) {
            ("granted", "granted") => "everybody",
            ("granted", _) => "they, and the host",
            _ => "only processes in the same container",
        };
        neighbour.reveal(
            guess,
            observed,
            "A process has a number in its own namespace and in every namespace around it, so an ancestor sees it,
             can send it signals and can end it. Two containers are no ancestors of each other. So the kernel
             hides upwards and sideways, never downwards.",
        )?;
        neighbour.hold()
    })?;
    stage.why(
        "A container is not a place where processes hide from the administrator. It is a place from where they
         cannot see out. That is how `ps` and `top` on the host show every container's processes.",
        &[man("pid_namespaces", 7), man("kill", 2)],
    );
    stage.try_it(format!("ps -o pid,comm -p {its}"), "the process inside, in your own process list");
    stage.pause("both children wait; both are in the host's process list")?;
    container.finish()?;
    neighbour.finish()
}

/// What the kernel says to a signal that does no harm.
fn signal(pid: Pid) -> Reading {
    let call = format!("kill({pid}, SIGCONT)");
    let answer = kill(pid, Sig::SIGCONT).refused().map_or("granted".into(), |errno| format!("{errno:?}"));
    Reading::new(&call, &call, answer)
}
// ANCHOR_END: seen_from_above

// ANCHOR: nested
fn nested(stage: &mut Stage) -> Result<()> {
    stage.step("namespaces nest");
    stage
        .say("A container may start containers. Each PID namespace has a parent, up to the machine's first.");
    let guess = stage.predict("How many numbers has a process two namespaces down?", &["1", "2", "3"]);

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let nested = inside.child("nested", Clone3::new().newpid(), |deep| {
            let pid = getpid()?;
            deep.check("two deep, it is number 1 again").expect(1).saw((pid, "getpid()"))?;
            deep.hold()
        })?;
        inside.check("in the middle, it is number 2").expect(2).saw((nested.pid(), "clone3()"))?;
        inside.hold()?;
        nested.finish()
    })?;

    let middle = status(container.pid(), "NSpid")?;
    let grandchild = children(container.pid())?.first().copied().unwrap_or_default();
    let numbers = status(grandchild, "NSpid")?;
    stage
        .side_by_side("kernel state", "the container", "nested in it")
        .compare(&middle, &numbers.clone().labelled("NSpid"), "one number more for each level")
        .show();
    stage
        .check("three numbers, the outermost first")
        .expect([grandchild.to_string(), "2".into(), "1".into()])
        .saw(&numbers)?;
    let count = numbers.numbers().len().to_string();
    stage.reveal(
        guess,
        &count,
        "One for each namespace from its own up to the first: host, middle, innermost.",
    )?;
    stage.why(
        "Up to 32 levels are allowed. Docker inside of Docker, or a build that runs containers in CI, uses two
         or three of them.",
        &[man("pid_namespaces", 7)],
    );
    stage.try_it(format!("grep NSpid /proc/{grandchild}/status"), "three numbers");
    stage.pause("three generations are waiting")?;
    container.finish()
}
// ANCHOR_END: nested
