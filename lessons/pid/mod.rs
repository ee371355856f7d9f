//! PID namespaces: one process, two numbers.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, Ended, Sig, getpid, getppid, kill, wait4};
use crate::kernel::{Errno, Pid, Refused};
use crate::machine::Need;
use crate::probe::process::{children, listed, namespace, status};
use crate::stage::{Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "pid",
    title: "PID namespace",
    minutes: 8,
    steps: 6,
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
    stage.state("kernel state").new(&its, "a new namespace").new(&numbers, "two numbers, one process").show();
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
        stage.predict("The child lists /proc. Whose processes does it see?", &["the host's", "only its own"]);
    let host = getpid()?.as_raw() as u64;

    let container = stage.child("container", Clone3::new().newpid().newns(), |inside| {
        let before = listed()?;
        let fooled = before.contains(&host);
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
// ANCHOR_END: ps_is_fooled

// ANCHOR: seen_from_above
fn seen_from_above(stage: &mut Stage) -> Result<()> {
    stage.step("the host sees everything");
    stage.say(
        "Textbooks say that nobody else can see the processes in a PID namespace. The kernel says otherwise:
         it hides upwards, never downwards.",
    );
    let guess = stage
        .predict("Who sees whom?", &["host sees container", "container sees host", "neither sees the other"]);
    let host = getpid()?.as_raw();

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let parent = getppid()?;
        inside.check("inside, its parent has no number").expect(0).saw((parent, "getppid()"))?;
        let refused = kill(Pid::from_raw(host), Sig::SIGCONT).refused();
        inside
            .check("the parent's number on the host means nobody inside")
            .expect(Errno::ESRCH)
            .saw((refused, format!("kill({host}, SIGCONT)")))?;
        inside.hold()
    })?;

    let listed = listed()?.contains(&(container.pid().as_raw() as u64));
    stage.check("the host lists the process inside").saw((listed, "/proc"))?;
    kill(container.pid(), Sig::SIGCONT)?;
    let observed = if listed { "host sees container" } else { "neither sees the other" };
    stage.reveal(
        guess,
        observed,
        "A process has a number in its own namespace and in every ancestor, so an ancestor sees it, can send
         it signals and can end it. That is how `ps` and `top` on the host show every container's processes.",
    )?;
    stage.why(
        "A container is not a place where processes hide from the administrator. It is a place from where
         they cannot see out.",
        &[man("pid_namespaces", 7)],
    );
    stage.pause("the child waits; it is in the host's process list")?;
    container.finish()
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

    let grandchild = children(container.pid())?.first().copied().unwrap_or_default();
    let numbers = status(grandchild, "NSpid")?;
    stage.state("kernel state").new(&numbers, "host, middle, innermost").show();
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

// ANCHOR: orphans
fn orphans(stage: &mut Stage) -> Result<()> {
    stage.step("orphans go to number 1");
    stage.say(
        "When a process dies before its children, somebody must adopt them, or nobody would collect their
         exit status. On a machine that is init. And in here?",
    );
    let guess = stage.predict(
        "Inside, a parent dies before its child. Who is the orphan's new parent?",
        &["number 1 of the namespace", "init of the host", "the dead parent's parent"],
    );

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let middle = inside.child("parent", Clone3::new(), |middle| {
            // The handle is dropped: nobody is going to wait for this child.
            middle.child("orphan", Clone3::new(), |orphan| {
                let before = getppid()?;
                orphan.outlive_maker()?;
                let after = getppid()?;
                orphan.check("its parent was number 2").expect(2).saw((before, "getppid()"))?;
                orphan.check("its new parent is number 1").expect(1).saw((after, "getppid()"))
            })?;
            Ok(())
        })?;
        middle.wait()?;
        let (adopted, ended) = wait4(None)?;
        inside.check("number 1 collects a child that it never made").expect(3).saw((adopted, "wait4(-1)"))?;
        inside
            .check("the orphan ended well")
            .expect("exited with 0")
            .saw((ended.to_string(), "wait4(-1)"))?;
        // wait() answers a parent only: whoever hears of the orphan's end is its parent.
        let is_orphan = adopted == Pid::from_raw(3);
        let observed = if is_orphan { "number 1 of the namespace" } else { "init of the host" };
        inside.reveal(
            guess,
            observed,
            "Number 1 adopts every orphan of its namespace. A program that was not written for that never
             calls wait(), and dead processes pile up as zombies: the reason for `docker run --init`.",
        )?;
        inside.hold()
    })?;
    stage.why(
        "The next reaper is asked for with PR_SET_CHILD_SUBREAPER, or it is the namespace's number 1. An
         orphan never leaves its PID namespace.",
        &[man("wait", 2), man("prctl", 2)],
    );
    stage.pause("number 1 is alone again")?;
    container.finish()
}
// ANCHOR_END: orphans

// ANCHOR: death_of_number_one
fn death_of_number_one(stage: &mut Stage) -> Result<()> {
    stage.step("when number 1 dies");
    stage.say("Number 1 with two workers. From the host we end number 1, and nobody else.");
    let guess = stage.predict(
        "What becomes of the workers?",
        &["the kernel ends them too", "they are adopted by init of the host", "nothing"],
    );

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let _first = inside.child("worker", Clone3::new(), |worker| {
            worker.outlive_maker()?;
            Ok(())
        })?;
        let _second = inside.child("worker", Clone3::new(), |worker| {
            worker.outlive_maker()?;
            Ok(())
        })?;
        inside.hold()
    })?;
    let workers = children(container.pid())?;
    stage.check("two workers are there").expect(2usize).saw((workers.len(), "PPid in /proc/*/status"))?;
    stage.pause("number 1 and its two workers; the next step ends number 1")?;

    kill(container.pid(), Sig::SIGKILL)?;
    let ended = container.wait()?;
    stage
        .check("number 1 was killed")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((ended.to_string(), "wait4()"))?;
    let alive = workers.iter().filter(|pid| status(**pid, "State").is_ok()).count();
    stage.check("no worker is left").expect(0usize).saw((alive, "/proc"))?;
    let observed = if alive == 0 { "the kernel ends them too" } else { "nothing" };
    stage.reveal(
        guess,
        observed,
        "With its number 1 the namespace is over: the kernel kills every process in it, before wait()
         returns. `docker stop` has to do no more than to end one process.",
    )?;
    stage.why(
        "zap_pid_ns_processes() in kernel/pid_namespace.c sends SIGKILL to all of them and waits. Afterwards
         fork() into the namespace fails with ENOMEM: a namespace without init cannot live on.",
        &[
            man("pid_namespaces", 7),
            kernel_doc("Namespaces compatibility list", "admin-guide/namespaces/compatibility-list"),
        ],
    );
    stage.pause("the namespace is gone")
}
// ANCHOR_END: death_of_number_one
