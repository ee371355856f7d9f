//! The freezer: everything in a group stands still, and does not know it. What `docker pause` does.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::Pid;
use crate::kernel::cgroup::{Controller, FREEZER_ASKED, FREEZER_SWITCH, Group, Version};
use crate::kernel::process::{Clone3, Ended, Sig, execve, kill};
use crate::machine::Need;
use crate::probe::cgroup::{control, frozen, stands_still};
use crate::probe::process::{cpu_time, status};
use crate::probe::{Reading, until};
use crate::stage::{Child, Lesson, LessonGroup, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "freezer",
    title: "Freeze and thaw",
    minutes: 7,
    builds_on: &["cgroup-tree"],
    steps: 4,
    needs: &[Need::Controller(Controller::Freezer)],
    run,
    lab: lab::LAB,
};

/// In clock ticks, of which a hundred are a second of CPU time.
const TICKS: u64 = 30;

/// How long a process that counts as frozen may take to leave its CPU, and more.
const ARRIVAL: u64 = 2;

fn run(stage: &mut Stage) -> Result<()> {
    let (rack, service, worker) = time_stands_still(stage)?;
    from_above(stage, &rack, &service)?;
    no_signal(stage, &service, worker.pid())?;
    killed(stage, rack, service, worker)
}

/// Switch, and wait until everything in the group stands still, or goes on.
fn switch(group: &Group, on: bool) -> Result<Reading> {
    group.freeze(on)?;
    Ok(until(|| frozen(group), |state| stands_still(state) == on)?)
}

/// How many clock ticks lie between two readings of CPU time.
fn between(what: &str, before: &Reading, after: &Reading) -> Reading {
    let ticks = |reading: &Reading| reading.text.parse::<u64>().unwrap_or(0);
    Reading::new(what, &after.source, (ticks(after) - ticks(before)).to_string())
}

/// Wait until a process has had so many clock ticks more than in a reading from before.
fn more_time(pid: Pid, before: &Reading, ticks: u64) -> Result<Reading> {
    let enough = |now: &Reading| between("", before, now).text.parse().is_ok_and(|more: u64| more >= ticks);
    Ok(until(|| cpu_time(pid), enough)?)
}

/// Use so much CPU time ourselves.
fn spend(ticks: u64) -> Result<()> {
    let before = cpu_time("self")?;
    while between("", &before, &cpu_time("self")?).text.parse().unwrap_or(ticks) < ticks {}
    Ok(())
}

// ANCHOR: time_stands_still
fn time_stands_still(stage: &mut Stage) -> Result<(LessonGroup, LessonGroup, Child)> {
    stage.step("CPU time stands still");
    stage.say(
        "A program counts in a loop. It makes no system call, so it never asks the kernel for anything. Its group
         has a switch, and we are about to freeze the group.",
    );
    let guess = stage.predict(
        "When does the program stop?",
        &["at its next system call, so never", "at once, in the middle of its loop", "when its loop ends"],
    );

    let rack = stage.cgroup("rack", &[Controller::Freezer])?;
    let service = stage.cgroup_below(&rack, "service")?;
    let worker = stage.child_in(&service, "worker", Clone3::new(), |_| {
        Err(execve("/bin/sh", &["sh", "-c", "while :; do :; done"], &[]).into())
    })?;
    let none = Reading::new("", "", "0");
    more_time(worker.pid(), &none, 2)?;
    let before = frozen(&service)?;
    let state = switch(&service, true)?;
    // The kernel counts it as frozen when it is about to leave its CPU.
    spend(ARRIVAL)?;
    let first = cpu_time(worker.pid())?;
    stage.say(
        "It is frozen. Is it? We do not look at a clock: we use CPU time ourselves, and compare the two accounts.
         They are kept in clock ticks, of which a hundred are a second.",
    );
    let own = cpu_time("self")?;
    spend(TICKS)?;
    let own = between("CPU time of the lesson", &own, &cpu_time("self")?).varying();
    let second = cpu_time(worker.pid())?;
    let meanwhile = between("CPU time of the worker", &first, &second);
    stage
        .state("the group, and its worker")
        .compare(&before, &state, "frozen")
        .compare(&first, &second, "stands still")
        .show();
    stage.check("the lesson itself had this many clock ticks").expect_at_least(TICKS).saw(&own)?;
    stage.check("the worker had none in the meantime").expect(0).saw(&meanwhile)?;
    let observed = match (stands_still(&state), meanwhile.text.as_str()) {
        (true, "0") => "at once, in the middle of its loop",
        _ => "at its next system call, so never",
    };
    stage.reveal(
        guess,
        observed,
        "The kernel interrupts it, as if there were a signal to be delivered: it comes into the kernel, and there
         it stays. It keeps its memory, its open files and its place in the loop.",
    )?;
    stage.why(
        "This is what `docker pause` and `podman pause` do, for all processes of a container with one write. In
         version 2 it is no controller: every group but the root has the file, since Linux 5.2. A paused
         container uses no CPU, and as much memory as before.",
        &[
            kernel_doc("Control Group v2", "admin-guide/cgroup-v2"),
            kernel_doc("Cgroup Freezer", "admin-guide/cgroup-v1/freezer-subsystem"),
            man("proc_pid_stat", 5),
        ],
    );
    stage.try_it(format!("cut -d ' ' -f 14,15 /proc/{}/stat", worker.pid()), "its CPU time: look twice");
    stage.try_it(format!("cat {}", service.path(FREEZER_SWITCH)?.display()), "the switch");
    stage.pause("the worker is frozen in the middle of its loop")?;

    let thawed = switch(&service, false)?;
    let after = more_time(worker.pid(), &second, 2)?;
    stage
        .state("the group, and its worker")
        .compare(&state, &thawed, "thawed")
        .compare(&second, &after, "goes on")
        .show();
    let on = between("CPU time of the worker", &second, &after).varying();
    stage.check("thawed, it goes on where it was").expect_at_least(2).saw(&on)?;
    stage.say("It is frozen again now, so that it does not heat the room while you read.");
    switch(&service, true)?;
    Ok((rack, service, worker))
}
// ANCHOR_END: time_stands_still

// ANCHOR: from_above
fn from_above(stage: &mut Stage, rack: &Group, service: &Group) -> Result<()> {
    stage.step("frozen from above");
    stage.say(
        "The group of the worker is `service`, and `service` is in the group `rack`. Now `rack` is frozen, too.
         Then somebody thaws `service`.",
    );
    let guess = stage.predict(
        "`rack` is frozen, `service` in it is thawed. Does the worker run?",
        &["yes: its own group is thawed", "no: it stands still", "the write to thaw `service` fails"],
    );

    let asked = [control(rack, FREEZER_ASKED)?, control(service, FREEZER_ASKED)?];
    switch(rack, true)?;
    service.freeze(false)?;
    let now = [control(rack, FREEZER_ASKED)?, control(service, FREEZER_ASKED)?];
    let state = frozen(service)?;
    stage
        .state("who asked for it")
        .compare(&asked[0], &now[0], "`rack` was told to")
        .compare(&asked[1], &now[1], "`service` is not told to any more")
        .new(&state, "and it stands still all the same")
        .show();
    stage.check("`service` itself is not told to stand still").expect(0).saw(&now[1])?;
    stage.check("it does so nevertheless").saw((stands_still(&state), &state.source))?;
    let observed = if stands_still(&state) { "no: it stands still" } else { "yes: its own group is thawed" };
    stage.reveal(
        guess,
        observed,
        "A group stands still when it or any group above it is told to. So there are two things to read: what this
         group was told, and what it does. Who looks at the first only, looks for the fault in the wrong place.",
    )?;
    let files = match service.version(Controller::Freezer)? {
        Version::V2 => "what it was told is cgroup.freeze, what it does is `frozen` in cgroup.events",
        Version::V1 => "what it was told is freezer.self_freezing, what it does is freezer.state",
    };
    stage.say(format!("Here {files}."));
    stage.why(
        "So a tree can be paused as a whole without touching what is set below: afterwards everybody is as before,
         and what was frozen on its own account stays frozen.",
        &[
            kernel_doc("Control Group v2", "admin-guide/cgroup-v2"),
            kernel_doc("Cgroup Freezer", "admin-guide/cgroup-v1/freezer-subsystem"),
        ],
    );
    stage.try_it(format!("cat {}", service.path(FREEZER_ASKED)?.display()), "what `service` was told");
    stage.pause("frozen from above, by `rack`")
}
// ANCHOR_END: from_above

// ANCHOR: no_signal
fn no_signal(stage: &mut Stage, service: &Group, worker: Pid) -> Result<()> {
    stage.step("it is not SIGSTOP");
    stage.say(
        "There is an older way to make a process stand still: the signal SIGSTOP, and SIGCONT to go on. We stop
         another process in this way, and look at both. Then both get SIGCONT.",
    );
    let guess = stage.predict(
        "What does SIGCONT do to the frozen process?",
        &["it goes on", "it does not move", "it is killed"],
    );

    let stopped = stage.child("stopped", Clone3::new(), Stage::hold)?;
    kill(stopped.pid(), Sig::SIGSTOP)?;
    // A small t is that of one who is traced, as under strace.
    let is_stopped = |state: &Reading| state.text.starts_with(['T', 't']);
    let seen = until(|| status(stopped.pid(), "State"), is_stopped)?;
    let frozen_one = status(worker, "State")?.varying();
    stage
        .side_by_side("what ps shows", "stopped", "frozen")
        .compare(&seen, &frozen_one, "both stand still")
        .show();
    stage.check("the stopped one is shown as stopped").saw((is_stopped(&seen), &seen.source))?;
    stage.check("the frozen one is not").saw((!is_stopped(&frozen_one), &frozen_one.source))?;
    kill(stopped.pid(), Sig::SIGCONT)?;
    kill(worker, Sig::SIGCONT)?;
    let went_on = until(|| status(stopped.pid(), "State"), |state| !is_stopped(state))?;
    stage.check("the stopped one goes on").saw((!is_stopped(&went_on), &went_on.source))?;
    let state = until(|| frozen(service), stands_still)?;
    stage.check("the frozen one stands still").saw((stands_still(&state), &state.source))?;
    stage.reveal(
        guess,
        if stands_still(&state) { "it does not move" } else { "it goes on" },
        "SIGSTOP is a message between processes: the parent hears of it, a shell makes a job of it, and anybody
         who may send signals can undo it. Of the freezer no process hears anything.",
    )?;
    stage.why(
        "To stop a group with signals one would have to find all of its processes while they make new ones, and
         each of them could be woken by the others. A debugger, or a checkpoint of a running container, wants
         nothing to move and nobody to notice.",
        &[man("signal", 7), kernel_doc("Cgroup Freezer", "admin-guide/cgroup-v1/freezer-subsystem")],
    );
    stage.try_it(format!("grep State /proc/{worker}/status"), "what ps would show of it");
    stage.pause("the worker has had SIGCONT, and stands still")?;
    stopped.finish()
}
// ANCHOR_END: no_signal

// ANCHOR: killed
fn killed(stage: &mut Stage, rack: LessonGroup, service: LessonGroup, worker: Child) -> Result<()> {
    stage.step("kill -9 on ice");
    stage.say("SIGKILL cannot be caught, blocked or ignored. The worker gets it while it is frozen.");
    let guess = stage.predict(
        "When does the frozen process end?",
        &["at once", "when it is thawed", "never: a frozen process is safe"],
    );

    kill(worker.pid(), Sig::SIGKILL)?;
    let is_dead = |state: &Reading| state.text.starts_with('Z');
    let observed = match service.version(Controller::Freezer)? {
        Version::V2 => {
            let state = until(|| status(worker.pid(), "State"), is_dead)?;
            stage.check("it has ended, in a frozen group").expect("Z (zombie)").saw(&state)?;
            if is_dead(&state) { "at once" } else { "when it is thawed" }
        }
        Version::V1 => {
            let pending = status(worker.pid(), "SigPnd")?;
            let state = status(worker.pid(), "State")?;
            stage.check("the signal waits: bit 9 is set").expect("0000000000000100").saw(&pending)?;
            stage.check("and the process is there").saw((!is_dead(&state), &state.source))?;
            if is_dead(&state) { "at once" } else { "when it is thawed" }
        }
    };
    stage.reveal(
        guess,
        observed,
        "The two versions differ. In version 2 a frozen process can be killed, and it can be traced and moved. In
         version 1 every signal waits until the thaw, SIGKILL included: a frozen group cannot be cleared away.",
    )?;
    stage.why(
        "In version 1 the freezer is that of hibernation, in which nothing may move, not even to die. Container
         managers had to thaw before they could kill. For version 2 it was made anew, as a kind of stop that only
         SIGKILL ends.",
        &[
            kernel_doc("Control Group v2", "admin-guide/cgroup-v2"),
            kernel_doc("Cgroup Freezer", "admin-guide/cgroup-v1/freezer-subsystem"),
        ],
    );
    stage.try_it(format!("grep -E 'State|SigPnd' /proc/{}/status", worker.pid()), "what has become of it");
    stage.pause("the group is frozen, and SIGKILL was sent")?;
    switch(&rack, false)?;
    let ended = worker.wait()?;
    let by_signal = Ended::Killed(Sig::SIGKILL).to_string();
    stage.check("thawed, it has ended in any case").expect(by_signal).saw((ended.to_string(), "wait4()"))?;
    service.remove()?;
    rack.remove()
}
// ANCHOR_END: killed
