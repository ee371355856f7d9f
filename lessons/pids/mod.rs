//! The pids controller: how many processes there may be, and what a program meets that wants more.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::cgroup::{Controller, Group, PIDS_CURRENT, PIDS_MAX, PIDS_PROCS};
use crate::kernel::process::{Clone3, Sig, getpid, kill, wait4};
use crate::kernel::{Errno, Pid};
use crate::lab::try_resident;
use crate::machine::Need;
use crate::probe::cgroup::{control, fork_refusals};
use crate::probe::process::{listed, status};
use crate::probe::{self, Reading};
use crate::stage::{Child, Lesson, LessonGroup, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "pids",
    title: "Number of processes",
    minutes: 7,
    builds_on: &["cgroup-tree"],
    steps: 4,
    needs: &[Need::Controller(Controller::Pids)],
    run,
    lab: lab::LAB,
};

/// How many processes the group may have.
const LIMIT: u64 = 16;
/// The bomb ends here at the latest, should the limit not hold.
const BOUND: u64 = 4 * LIMIT;
const MOMENT: std::time::Duration = std::time::Duration::from_millis(20);

fn run(stage: &mut Stage) -> Result<()> {
    let group = a_number(stage)?;
    let bomb = the_bomb(stage, &group)?;
    the_dead_count(stage, &group, bomb)?;
    lowered(stage, group)
}

/// How many processes are in the group, as its list says.
fn members(group: &Group) -> Result<Reading> {
    let list = control(group, PIDS_PROCS)?;
    let count = list.numbers().len().to_string();
    Ok(Reading { text: count, label: "lines of cgroup.procs".into(), ..list })
}

/// The process is really where the limit is.
fn is_inside(inside: &Stage, group: &Group) -> Result<()> {
    let list = control(group, PIDS_PROCS)?;
    let there = list.numbers().contains(&(getpid()?.as_raw() as u64));
    inside.check("it is inside of the group").saw((there, list.source))
}

/// Try to make a process that stays: which errno came, if any did.
fn fork() -> Result<std::result::Result<Pid, Errno>> {
    try_resident(Clone3::new(), || Ok(()))
}

/// A parent and two children, all of them in the group.
fn family(stage: &Stage, group: &Group, last: impl FnOnce(&mut Stage) -> Result<()>) -> Result<Child> {
    stage.child_in(group, "parent", Clone3::new(), |inside| {
        is_inside(inside, group)?;
        let one = inside.child("child", Clone3::new(), Stage::hold)?;
        let two = inside.child("child", Clone3::new(), Stage::hold)?;
        inside.hold()?;
        last(inside)?;
        one.finish()?;
        two.finish()
    })
}

// ANCHOR: a_number
fn a_number(stage: &mut Stage) -> Result<LessonGroup> {
    stage.step("how many there may be");
    stage.say(
        "The machine has room for a certain number of processes, and they are shared by all: a program that
         takes them all leaves nobody one, not even for a `kill`. The pids controller gives a group a number
         of its own.",
    );
    let guess = stage.predict(
        "We put one process into the group, and then it makes two children. The group counts",
        &["1", "2", "3"],
    );

    let group = stage.cgroup("bomb", &[Controller::Pids])?;
    let before = [control(&group, PIDS_MAX)?, control(&group, PIDS_CURRENT)?];
    group.limit_pids(LIMIT)?;
    let parent = family(stage, &group, |_| Ok(()))?;
    let after = [control(&group, PIDS_MAX)?, control(&group, PIDS_CURRENT)?];
    stage
        .state("the group")
        .compare(&before[0], &after[0], "the limit")
        .compare(&before[1], &after[1], "how many there are")
        .show();
    stage.check("the limit reads back").expect(LIMIT).saw(&after[0])?;
    stage.check("parent and children are counted").expect(3).saw(&after[1])?;
    stage.reveal(
        guess,
        &after[1].text,
        "Children begin in the group of their parent, so they are counted without being told. Threads count,
         too, each as one: for the kernel both are tasks. A Java server can be at its limit with one process.",
    )?;
    stage.why(
        "`docker run --pids-limit 16` writes this very file, and systemd's TasksMax= does. The older way, `ulimit
         -u`, counts all processes of a user on the whole machine: two containers with the same user are one to
         it, and root is not limited at all. This limit holds for root.",
        &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("cgroups", 7), man("getrlimit", 2)],
    );
    stage.try_it(format!("cat {}", group.path(PIDS_CURRENT)?.display()), "how many there are");
    stage.pause("a parent and two children wait in the group")?;
    parent.finish()?;
    Ok(group)
}
// ANCHOR_END: a_number

// ANCHOR: the_bomb
fn the_bomb(stage: &mut Stage, group: &Group) -> Result<Child> {
    stage.step("a fork bomb");
    stage.say(format!(
        "A fork bomb is a program that makes processes and does nothing else. On a machine without limits it is
         the last program that one starts on that day. Ours is in a group that may have {LIMIT} processes. It
         reads that back before the first fork, and in any case it gives up after {BOUND}.",
    ));
    let guess = stage.predict(
        "What does the bomb meet at the limit?",
        &[
            "it is killed",
            "fork() fails with EAGAIN",
            "fork() fails with ENOMEM",
            "fork() waits until there is room",
        ],
    );

    let before = [control(group, PIDS_CURRENT)?, fork_refusals(group)?];
    let bomb = stage.child_in(group, "bomb", Clone3::new(), |inside| {
        is_inside(inside, group)?;
        inside.check("its limit is set").expect(LIMIT).saw(&control(group, PIDS_MAX)?)?;
        let made = inside.backstage(|| explode(inside))?;
        inside.say("That is as far as it comes. Once more, in full light:");
        let refused = fork()?.err();
        inside.check("fork() fails with EAGAIN").expect(Errno::EAGAIN).saw((refused, "clone3()"))?;
        let observed = match refused {
            Some(Errno::ENOMEM) => "fork() fails with ENOMEM",
            Some(_) => "fork() fails with EAGAIN",
            None => "fork() waits until there is room",
        };
        inside.reveal(
            guess,
            observed,
            "Unlike memory, a process is asked for by a system call, and a system call can say no. EAGAIN is
             \"try again\": a shell prints `fork: retry: Resource temporarily unavailable`. Nobody is killed.",
        )?;
        inside.hold()?;
        afterwards(inside, made)
    })?;

    let after = [control(group, PIDS_CURRENT)?, fork_refusals(group)?];
    stage
        .state("the group")
        .compare(&before[0], &after[0], "full")
        .compare(&before[1], &after[1], "refused: the last of the loop, and once more")
        .show();
    stage.check("it came up to the limit and not further").expect(LIMIT).saw(&after[0])?;
    stage.check("the kernel counted both refusals").expect(2).saw(&after[1])?;
    let neighbour = stage.child("neighbour", Clone3::new(), |outside| {
        let own = getpid()?;
        let there = listed()?.contains(&(own.as_raw() as u64));
        outside.check("outside of the group, processes are made as ever").saw((there, "/proc"))
    })?;
    neighbour.finish()?;
    let of = probe::file("/proc/sys/kernel/pid_max")?.text;
    stage.measure("numbers in use on the machine", format!("{} of {of}", listed()?.len()), "/proc");
    stage.why(
        "The check is in fork itself, and it goes up through all parents of the group: each of them has to have
         room for one more. `:(){ :|:& };:` typed into a container with a limit is an accident of
         that container, and the host goes on.",
        &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("fork", 2)],
    );
    stage.try_it(
        format!("cat {}", group.path(PIDS_CURRENT)?.with_file_name("pids.events").display()),
        "the refusals",
    );
    stage.pause("the bomb waits with all of its children")?;
    Ok(bomb)
}

/// Fork until the kernel says no.
fn explode(inside: &Stage) -> Result<Vec<Pid>> {
    let mut made = vec![];
    while (made.len() as u64) < BOUND {
        let Ok(pid) = fork()? else { break };
        made.push(pid);
        // So that an eye can follow the bar.
        std::thread::sleep(MOMENT);
        inside.gauge("the group", made.len() as u64 + 1, LIMIT, "processes");
    }
    Ok(made)
}
// ANCHOR_END: the_bomb

// ANCHOR: the_dead_count
/// What the bomb does in the next step: kill its children, then collect them.
fn afterwards(inside: &mut Stage, made: Vec<Pid>) -> Result<()> {
    inside.backstage(|| made.iter().try_for_each(|pid| kill(*pid, Sig::SIGKILL)))?;
    inside.hold()?;
    let refused = fork()?.err();
    inside.check("and fork() still fails").expect(Errno::EAGAIN).saw((refused, "clone3()"))?;
    inside.hold()?;
    inside.backstage(|| made.iter().try_for_each(|pid| wait4(Some(*pid)).map(drop)))?;
    let again = inside.child("child", Clone3::new(), Stage::hold)?;
    inside.hold()?;
    again.finish()
}

fn the_dead_count(stage: &mut Stage, group: &Group, mut bomb: Child) -> Result<()> {
    stage.step("the dead count, too");
    stage.say(
        "Now the bomb kills all of its children with SIGKILL. It does not wait for them: it never asks how they
         have ended.",
    );
    let all = LIMIT.to_string();
    let guess = stage.predict(
        "How many processes does the group count, when all the children are dead?",
        &["0", "1", &all],
    );

    let before = [members(group)?, control(group, PIDS_CURRENT)?];
    bomb.go_on();
    let alone = probe::until(|| members(group), |count| count.text == "1")?;
    let current = control(group, PIDS_CURRENT)?;
    stage
        .state("the group")
        .compare(&before[0], &alone, "the bomb alone is alive")
        .compare(&before[1], &current, "and nothing has become free")
        .show();
    stage.check("one process is alive").expect(1).saw(&alone)?;
    stage.check("the group is as full as before").expect(LIMIT).saw(&current)?;
    bomb.go_on();
    stage.reveal(
        guess,
        &current.text,
        "A process that has ended keeps its number until its parent has called wait(): a zombie. It has no memory
         and no time, but it has its place in the table, and that is what is counted here. A number 1 of a
         container that never waits fills the container up with zombies until nothing can be started in it.",
    )?;
    stage.why(
        "The charge is taken in fork and given back in release_task(), when the number of the process becomes
         free. It is the same moment at which the directory in /proc goes. `docker run --init` puts a number 1 in
         front that does wait.",
        &[man("wait", 2), man("pid_namespaces", 7), kernel_doc("Control Group v2", "admin-guide/cgroup-v2")],
    );
    stage.try_it("grep -ls 'State:.Z' /proc/[0-9]*/status | wc -l", "zombies on this machine");
    stage.pause("the bomb and its dead children; next it waits for them")?;
    bomb.go_on();
    let collected = control(group, PIDS_CURRENT)?;
    stage.check("after wait() there is room, and fork() works again").expect(2).saw(&collected)?;
    bomb.finish()
}
// ANCHOR_END: the_dead_count

// ANCHOR: lowered
fn lowered(stage: &mut Stage, group: LessonGroup) -> Result<()> {
    stage.step("more than the limit");
    stage.say(
        "A parent and two children are in the group again: three processes. Now somebody lowers the limit to 2.",
    );
    let guess = stage.predict(
        "What happens?",
        &["the youngest process is killed", "the write fails with EBUSY", "nothing, until somebody forks"],
    );

    let mut parent = family(stage, &group, |inside| {
        let refused = fork()?.err();
        inside.check("the next fork() is refused").expect(Errno::EAGAIN).saw((refused, "clone3()"))?;
        inside.hold()
    })?;
    let before = [control(&group, PIDS_MAX)?, control(&group, PIDS_CURRENT)?];
    group.limit_pids(2)?;
    let lowered = control(&group, PIDS_CURRENT)?;
    stage.check("all three are counted").expect(3).saw(&lowered)?;
    stage.check("and all three are alive").expect(3).saw(&members(&group)?)?;
    parent.go_on();
    stage.say("And a process from outside is moved in, although the group has more than it may have.");
    let newcomer = stage.child("newcomer", Clone3::new(), Stage::hold)?;
    group.add(newcomer.pid())?;
    let after = [control(&group, PIDS_MAX)?, control(&group, PIDS_CURRENT)?];
    stage
        .state("the group")
        .compare(&before[0], &after[0], "lowered")
        .compare(&before[1], &after[1], "twice as many as there may be")
        .show();
    stage.check("the newcomer was let in").expect(4).saw(&after[1])?;
    let alive = status(parent.pid(), "State").is_ok();
    stage.reveal(
        guess,
        if alive && lowered.text == "3" { "nothing, until somebody forks" } else { "the youngest process is killed" },
        "The limit is a question that fork asks, and nothing else. It ends nobody, and it keeps nobody from being
         moved in: who arranges groups is not to be stopped by what the groups may do.",
    )?;
    stage.why(
        "So a limit that is lowered in an emergency stops the growth, and no more. To get rid of what is there,
         end the group: cgroup.kill in version 2, since Linux 5.14.",
        &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("cgroups", 7)],
    );
    stage.try_it(format!("cat {}", group.path(PIDS_PROCS)?.display()), "four processes, where two may be");
    stage.pause("four processes wait; then they end, and the group with them")?;
    newcomer.finish()?;
    parent.finish()?;
    group.remove()
}
// ANCHOR_END: lowered
