//! A second command in a container that runs: what it has to join, and what it has to leave behind.

mod lab;
mod props;

use crate::event::man;
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::{Clone3, Sig, kill};
use crate::machine::Need;
use crate::probe::files::identity;
use crate::probe::process::lives;
use crate::probe::{file, until};
use crate::stage::{Lesson, Result, Stage};
use props::{KINDS, Running, in_here, line, of, started};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "exec",
    title: "A second command",
    minutes: 8,
    builds_on: &["join", "container"],
    steps: 3,
    needs: &[
        Need::Kernel(5, 8),
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
        Need::Overlay,
        Need::Seccomp,
    ],
    run,
    lab: lab::LAB,
};

/// What holds a process, beside its namespaces.
const CONFINEMENT: [&str; 4] = ["CapEff", "CapBnd", "NoNewPrivs", "Seccomp"];

fn run(stage: &mut Stage) -> Result<()> {
    let container = the_short_way(stage)?;
    let second = the_whole_way(stage, &container)?;
    the_end(stage, container, second)
}

// ANCHOR: the_short_way
fn the_short_way(stage: &mut Stage) -> Result<Running> {
    stage.step("the short way");
    stage.say(
        "A container is running, and somebody wants to look around in it, with a second program. The short way is that of
         the lesson join: a process enters all namespaces of the container.",
    );
    // The image is made when it is asked for, which takes some time on a slow machine.
    stage.backstage(|| stage.glassbox("state", &["image", "inspect", "tiny"]))?;
    let container = started(stage, "container", &["run", "--name", "web", "tiny", "sleep", "1000"])?;
    let guess = stage.predict(
        "A process of root enters all namespaces of the container. Which capabilities does it have then?",
        &["the fourteen of the container", "all that it had before", "none"],
    );

    let pid = container.pid;
    let visitor = stage.child("visitor", Clone3::new(), |visitor| {
        visitor.backstage(|| setns(pid, &KINDS))?;
        visitor.hold()
    })?;

    let mut table = stage.side_by_side("what holds them", "container", "visitor");
    for name in CONFINEMENT {
        table = table.compare(&line(pid, name)?, &line(visitor.pid(), name)?.varying(), "");
    }
    table.show();
    stage
        .check("it is in the container's network")
        .expect(&of(pid, Kind::Net)?)
        .saw(&of(visitor.pid(), Kind::Net)?)?;
    let (its, own) = (line(pid, "CapEff")?, line(visitor.pid(), "CapEff")?.varying());
    stage.check("it has other capabilities").expect_other_than(&its).saw(&own)?;
    stage.check("the container has a filter").expect("2").saw(&line(pid, "Seccomp")?)?;
    let mode = line(visitor.pid(), "Seccomp")?.varying();
    let filters = |pid| line(pid, "Seccomp_filters").map(|line| line.text);
    let fewer = mode.text != "2" || filters(visitor.pid()).ok() != filters(pid).ok();
    stage.check("the visitor does not have it").saw((fewer, "/proc/PID/status Seccomp"))?;
    stage.reveal(
        guess,
        if own.text == its.text { "the fourteen of the container" } else { "all that it had before" },
        "Namespaces say what a process sees. Capabilities, the filter of system calls and no_new_privs belong to the process,
         and it brought its own. If such a process runs a program of the container, that program is root of the machine, with
         the container's files around it.",
    )?;
    stage.why(
        "nsenter(1) is just that, and a good tool for somebody who looks. It is no way to run what is in the container.",
        &[man("setns", 2), man("nsenter", 1), man("capabilities", 7)],
    );
    stage.try_it(in_here(stage, "ls /tmp/state/glassbox/containers")?, "the container's record");
    stage.pause("the container runs, with a visitor in its namespaces")?;
    visitor.finish()?;
    Ok(container)
}
// ANCHOR_END: the_short_way

// ANCHOR: the_whole_way
fn the_whole_way(stage: &mut Stage, container: &Running) -> Result<Running> {
    stage.step("the whole way");
    stage.say(
        "`glassbox exec` reads in the record what the container is, and does all of it once more, but for the mounts: it
         joins the cgroup, enters the namespaces, makes a child, gives up capabilities, sets the filter, becomes the program.",
    );
    let second = started(stage, "second", &["exec", "web", "sleep", "2000"])?;
    let guess = stage.predict(
        "Which number has the second program inside?",
        &["1", "another one", "none: it is not in the PID namespace"],
    );

    let (first, other) = (container.pid, second.pid);
    let mut table = stage.side_by_side("two programs of one container", "first", "second");
    for kind in KINDS {
        table = table.compare(&of(first, kind)?, &of(other, kind)?, "");
    }
    for name in CONFINEMENT {
        table = table.compare(&line(first, name)?, &line(other, name)?, "");
    }
    table.show();
    for kind in KINDS {
        let claim = format!("it is in the same {kind} namespace");
        stage.check(claim).expect(&of(first, kind)?).saw(&of(other, kind)?)?;
    }
    for name in CONFINEMENT {
        let claim = format!("the same {name}");
        stage.check(claim).expect(&line(first, name)?).saw(&line(other, name)?)?;
    }
    let root = |pid| identity(format!("/proc/{pid}/root")).map(|root| root.text);
    stage.check("the same root").saw((root(first)? == root(other)?, "/proc/PID/root st_dev, st_ino"))?;
    let groups = |pid| file(format!("/proc/{pid}/cgroup")).map(|groups| groups.text);
    stage.check("the same cgroup").saw((groups(first)? == groups(other)?, "/proc/PID/cgroup"))?;
    let inside = line(other, "NSpid")?.innermost().unwrap_or_default();
    let observed = match inside {
        1 => "1",
        0 => "none: it is not in the PID namespace",
        _ => "another one",
    };
    stage
        .check("inside, the first is number 1")
        .expect(1u64)
        .saw((line(first, "NSpid")?.innermost().unwrap_or_default(), "/proc/PID/status NSpid"))?;
    stage.reveal(
        guess,
        observed,
        "There is one number 1 in a PID namespace, and it is the first program. The second gets the next number that is free,
         and the parent that it has outside is not to be seen from inside: it is 0.",
    )?;
    stage.why(
        "The order counts. The cgroup comes first, as long as its files can be seen; the filter last, or the calls before it
         would be forbidden. And our own program must not be seen by those inside: through /proc/PID/exe a container has
         once written into its runtime (CVE-2019-5736).",
        &[man("setns", 2), man("pid_namespaces", 7), man("seccomp", 2)],
    );
    stage.try_it(in_here(stage, "ls /tmp/state/glassbox/names")?, "what containers are called");
    stage.pause("two programs run in one container")?;
    Ok(second)
}
// ANCHOR_END: the_whole_way

// ANCHOR: the_end
fn the_end(stage: &mut Stage, container: Running, second: Running) -> Result<()> {
    stage.step("when the first one ends");
    stage.say("The first program is killed. The second is a child of a command on the host, and has nothing to do with it.");
    let guess = stage.predict(
        "What becomes of the second program?",
        &["it goes on", "it is killed, too", "it becomes number 1"],
    );

    stage.backstage(|| kill(container.pid, Sig::SIGKILL))?;

    let gone = until(|| Ok::<_, crate::stage::Error>(alive(second.pid)), |alive| alive.text == "no")?;
    stage.check("the second program has ended").expect("no").saw(&gone)?;
    let ended = second.command.wait()?;
    stage
        .check("as programs end that are killed")
        .expect("exited with 137")
        .saw((ended.to_string(), "wait4()"))?;
    container.command.wait()?;
    stage.reveal(
        guess,
        if gone.text == "no" { "it is killed, too" } else { "it goes on" },
        "When number 1 of a PID namespace ends, the kernel kills everybody else in it. So a container has ended when its
         program has, whoever else is in there.",
    )?;
    let ran = stage.glassbox("state", &["exec", "web", "true"])?;
    stage
        .check("nobody can enter it any more")
        .expect("exited with 1")
        .saw((ran.ended.to_string(), "wait4()"))?;
    stage.why(
        "So `docker exec` is for looking and for helping, and not for a second service: nobody restarts it, and nobody asks
         how it ended. Two services are two containers.",
        &[man("pid_namespaces", 7), man("kill", 2)],
    );
    stage.try_it(
        in_here(stage, "ls /tmp/state/glassbox/containers")?,
        "its record is still there, until glassbox rm",
    );
    stage.pause("the container has ended, and both programs with it")
}

fn alive(pid: crate::kernel::Pid) -> crate::probe::Reading {
    let text = lives(pid).map_or("no".into(), |reading| reading.text);
    crate::probe::Reading::new("alive", "/proc/PID/status State", text)
}
// ANCHOR_END: the_end
