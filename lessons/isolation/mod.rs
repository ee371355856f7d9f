//! The story of the book, with two services that run: one spoils the library, eats the CPU and leaks memory.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::cgroup::{CPU_THROTTLED, Controller, MEMORY_MAX};
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Ended, Sig, kill};
use crate::machine::Need;
use crate::probe::cgroup::{control, cpu_quota, oom_kills};
use crate::probe::process::{lives, status};
use crate::probe::{Reading, file};
use crate::stage::{Lesson, Result, Stage};
use props::{
    FIRST, LIBRARY, Machine, SECOND, Service, WEB, Wait, build, contained, files, group_of, install,
};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "isolation",
    title: "Two services on one machine",
    minutes: 12,
    builds_on: &["container", "cpu"],
    steps: 5,
    needs: &[
        Need::Controller(Controller::Memory),
        Need::Controller(Controller::Cpu),
        Need::CpuQuota,
        Need::Controller(Controller::Cpuacct),
        Need::Overlay,
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
        Need::Seccomp,
    ],
    run,
    lab: lab::LAB,
};

/// How a shell ends that does not find a command: the library of the other version does not have it.
const NOT_FOUND: Ended = Ended::Exited(127);
/// How many times as long an answer takes at the least beside eight processes that want the same CPU. It would be nine
/// if nobody else on the real machine wanted it.
const SUFFERS: u64 = 2;

fn run(stage: &mut Stage) -> Result<()> {
    let machine = one_path_one_file(stage)?;
    let (web, beside) = one_cpu(stage, &machine)?;
    one_memory(stage, &machine, web)?;
    let web = a_container_each(stage, &machine, beside)?;
    the_same_leak(stage, machine, web)
}

// ANCHOR: one_path_one_file
fn one_path_one_file(stage: &mut Stage) -> Result<Machine> {
    stage.step("one path, one file");
    stage.say(
        "Two services are on one machine, without containers: `web`, which answers questions, and `batch`. Both are small
         shell programs, and both read in /lib/greet.sh when they start, a library of functions. The machine is a root
         directory of the lesson's own, with 64 MiB of memory and one CPU.",
    );
    stage.backstage(files)?;
    let machine = Machine::new(stage)?;
    stage.output("cat /srv/web", WEB);
    install(FIRST)?;
    let mut web = machine.start(stage, "web", "")?;
    let hello = web.line()?;
    stage.check("web runs, with version 1").expect("hello, web").saw((hello, "its output"))?;

    stage.say("`batch` is of another year, and calls a function that version 1 does not have. Its installer knows what to do.");
    let refused = machine.start(stage, "batch", "spin")?.child.wait()?;
    stage
        .check("with version 1 batch does not start")
        .expect(NOT_FOUND.to_string())
        .saw((refused.to_string(), "wait4()"))?;
    let guess = stage.predict(
        "The installer of batch puts version 2 in place of version 1. What does web do?",
        &["it fails at once", "it goes on, until it is started again", "it uses version 2"],
    );
    let before = file(LIBRARY)?;
    install(SECOND)?;
    let after = file(LIBRARY)?;
    stage.output("cat /lib/greet.sh", &after.text);
    stage
        .check("the path is the same, the file is another")
        .expect_other_than(first_line(&before))
        .saw(&first_line(&after))?;
    let answer = web.ask("Ada", 1)?;
    stage.check("web answers as before").expect("hello, Ada").saw((&answer, "its output"))?;
    stage.backstage(|| web.kill(stage))?;
    let again = machine.start(stage, "web", "")?.child.wait()?;
    stage
        .check("but it cannot be started again")
        .expect(NOT_FOUND.to_string())
        .saw((again.to_string(), "wait4()"))?;
    let observed = match (answer.as_str(), again) {
        ("hello, Ada", NOT_FOUND) => "it goes on, until it is started again",
        ("hello, Ada", _) => "it uses version 2",
        _ => "it fails at once",
    };
    stage.reveal(
        guess,
        observed,
        "What a process has read in, it has. The path is looked up anew when the next one starts, perhaps months later, after
         a crash in the night. With a compiled library it is the same: ld.so maps the file of that name.",
    )?;
    stage.why(
        "Compiled libraries have a version in their name, libssl.so.3, and may lie side by side as long as it differs. For
         everything else that has one path there is one owner: /etc, a Python module, a program's plug-ins.",
        &[man("ld.so", 8), man("dlopen", 3)],
    );
    stage.try_it(stage.nsenter("-m", "cat /tmp/machine/lib/greet.sh")?, "the library of the machine");
    stage.pause("the library is version 2, and web is down")?;
    Ok(machine)
}
// ANCHOR_END: one_path_one_file

fn first_line(library: &Reading) -> Reading {
    let text = library.text.lines().next().unwrap_or_default().trim_start_matches("# ");
    Reading { text: text.into(), ..library.clone() }
}

// ANCHOR: one_cpu
fn one_cpu(stage: &mut Stage, machine: &Machine) -> Result<(Running, Slow)> {
    stage.step("one CPU");
    stage.say(
        "The administrator helps himself: version 1, start web, version 2, start batch. Both run. `web` is asked one thing
         after the other, and each answer is some work. First while it is alone.",
    );
    let mut web = stage.backstage(|| -> Result<_> {
        install(FIRST)?;
        let mut web = machine.start(stage, "web", "")?;
        web.line()?;
        install(SECOND)?;
        Ok(web)
    })?;
    let work = web.work()?;
    let alone = web.undisturbed(stage, work)?;
    alone.show(stage, "alone");
    let guess = stage.predict(
        "batch starts eight processes that count for ever. An answer of web then takes",
        &["as long as before: it is asked seldom", "half as long again: two services", "many times as long"],
    );

    let mut batch = machine.start(stage, "batch", "spin")?;
    let hallo = batch.line()?;
    stage.check("batch runs, with version 2").expect("hallo, batch").saw((hallo, "its output"))?;
    let least = SUFFERS * alone.micros();
    let beside = web.wait(stage, work, |median| median.as_micros() as u64 >= 2 * least)?;

    beside.show(stage, "beside batch");
    let bars = [("alone", alone.millis()), ("beside batch", beside.millis())];
    stage.chart("how long an answer takes", "ms", "the median of 9 round trips", &bars);
    stage.check("web suffers: twice as long, or more").expect_at_least(least).saw(&beside.reading())?;
    let observed = match beside.micros() * 10 / alone.micros().max(1) {
        0..=14 => "as long as before: it is asked seldom",
        15..=19 => "half as long again: two services",
        _ => "many times as long",
    };
    stage.reveal(
        guess,
        observed,
        "The kernel is fair to processes, and knows nothing of services. batch has eight, web has one: a ninth of the CPU is
         left for it. Nobody has broken a rule.",
    )?;
    stage.backstage(|| machine.little())?;
    stage.why(
        "A second CPU helps until batch starts sixteen. `nice` helps if batch is polite enough to be nice. What is missing
         is a border around all that belongs to one service, however many processes that is.",
        &[man("sched", 7), man("nice", 1)],
    );
    stage.try_it(
        format!("cat {}", machine.path(MEMORY_MAX)?.with_file_name("cgroup.procs").display()),
        "web, batch, and eight more",
    );
    stage.pause("nine processes share a CPU, and web is one of them")?;
    stage.backstage(|| machine.plenty())?;
    machine.clear(stage, Some(web.pid))?;
    stage.backstage(|| batch.child.wait())?;
    Ok((web, Slow { work, alone, beside }))
}
// ANCHOR_END: one_cpu

/// A service that answers.
type Running = Service;

/// What was measured without containers.
struct Slow {
    work: u64,
    alone: Wait,
    beside: Wait,
}

// ANCHOR: one_memory
fn one_memory(stage: &mut Stage, machine: &Machine, web: Running) -> Result<()> {
    stage.step("one memory");
    stage.say(
        "`batch` has a fault: its eight processes take memory, a little at a time, and never give it back. `web` has a cache of
         16 MiB, and takes no more. There is no swap.",
    );
    let size = status(web.pid, "VmRSS")?.varying().labelled("memory of web");
    let size = Reading { source: "/proc/PID/status VmRSS".into(), ..size };
    let before = oom_kills(machine)?;
    let guess = stage.predict(
        "The 64 MiB of the machine are used up. Which process does the kernel end first?",
        &["one of batch: they leak", "web: it is the largest", "none: malloc returns NULL"],
    );
    let mut batch = machine.start(stage, "batch", "leak")?;
    batch.line()?;
    // It goes on until there is nobody left who leaks.
    let crash = batch.child.wait()?;
    machine.clear(stage, Some(web.pid))?;
    let after = oom_kills(machine)?.varying();
    let alive = Reading { source: "/proc/PID/status State".into(), ..lives(web.pid)? };
    stage
        .state("the machine")
        .compare(&before, &after, "processes that were killed")
        .new(&size, "before")
        .show();
    stage
        .check("batch has crashed")
        .expect_other_than(Ended::Exited(0).to_string())
        .saw((crash.to_string(), "wait4()"))?;
    stage.check("the OOM killer was here").expect_at_least(1).saw(&after)?;
    stage.check("and web is dead").expect("no").saw(&alive)?;
    let death = web.kill(stage)?;
    stage
        .check("it was killed by SIGKILL")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((death.to_string(), "wait4()"))?;
    stage.reveal(
        guess,
        if alive.text == "no" { "web: it is the largest" } else { "one of batch: they leak" },
        "The OOM killer takes the process that frees the most. Of nine processes web was the largest, with a cache that has
         not grown for days. Who has leaked, it cannot know. Then it was the turn of the others.",
    )?;
    stage.why(
        "/proc/PID/oom_score shows the order, and oom_score_adj moves a process in it: -1000 is never. But then somebody
         else is the largest. A database on the same machine is a popular victim.",
        &[man("proc_pid_oom_score_adj", 5), kernel_doc("Control Group v2: memory", "admin-guide/cgroup-v2")],
    );
    stage.try_it("cat /proc/self/oom_score", "how near you are");
    stage.pause("both services are down, and one of them had done nothing")
}
// ANCHOR_END: one_memory

// ANCHOR: a_container_each
fn a_container_each(stage: &mut Stage, machine: &Machine, slow: Slow) -> Result<Running> {
    let Slow { work, alone, beside } = slow;
    stage.step("a container each");
    stage.say(
        "The same two programs, each in an image with the library that it wants, and each in a container. batch gets a fifth of
         a CPU and 32 MiB. They are on the same CPU as before.",
    );
    stage.backstage(|| ["web", "batch"].iter().try_for_each(|name| build(stage, name)))?;
    let guess = stage.predict(
        "Both run, and batch counts with its eight processes. Of the library and the CPU, web",
        &["has its own of both", "has its own library, and suffers as before", "has neither"],
    );
    let (mut web, hello) = contained(stage, machine, &["--name", "web", "-m", "64m", "web"])?;
    let (batch, hallo) =
        contained(stage, machine, &["--name", "batch", "-m", "32m", "--cpus", "0.2", "batch", "spin"])?;

    stage.check("web runs").expect("hello, web").saw((hello, "its output"))?;
    stage.check("batch runs beside it").expect("hallo, batch").saw((hallo, "its output"))?;
    let library = |pid| -> Result<Reading> {
        let reading = first_line(&file(format!("/proc/{pid}/root/lib/greet.sh"))?);
        Ok(Reading { source: "/proc/PID/root/lib/greet.sh".into(), ..reading.labelled("/lib/greet.sh") })
    };
    let libraries = [library(web.pid)?, library(batch.pid)?];
    stage
        .side_by_side("one path", "web", "batch")
        .compare(&libraries[0], &libraries[1], "each its own")
        .show();
    stage.check("web has version 1").expect("version 1").saw(&libraries[0])?;
    stage.check("under the same path batch has version 2").expect("version 2").saw(&libraries[1])?;

    let most = beside.micros() / 2;
    let inside = web.wait(stage, work, |median| median.as_micros() as u64 <= most)?;
    inside.show(stage, "in containers");
    let bars =
        [("alone", alone.millis()), ("beside batch", beside.millis()), ("in containers", inside.millis())];
    stage.chart("how long an answer takes", "ms", "the median of 9 round trips", &bars);
    let group = group_of(batch.pid, Controller::Cpu)?;
    let quota = Reading { source: "the group of batch".into(), ..cpu_quota(&group)? };
    let throttled = control(&group, CPU_THROTTLED)?;
    stage.measure("batch was stopped at its quota", throttled.text, "the group of batch, nr_throttled");
    stage.check("batch has 20 of 100 ms").expect("20000 100000").saw(&quota)?;
    stage
        .check("web waits less than half as long as beside batch")
        .expect_at_most(most)
        .saw(&inside.reading())?;
    let observed = match (&libraries[0].text == "version 1", inside.micros() <= most) {
        (true, true) => "has its own of both",
        (true, false) => "has its own library, and suffers as before",
        _ => "has neither",
    };
    stage.reveal(
        guess,
        observed,
        "The mount namespace makes two files of one path. The group of batch is stopped when its fifth is used up, whether
         there are eight processes in it or eighty; and what it may use it shares with the group of web, not with web.",
    )?;
    stage.why(
        "Nothing was changed in the programs, and neither knows of it. The limit is on batch, who has misbehaved; for web it
         would do to have a greater weight, and in most clusters that is all that a request for CPU is.",
        &[man("mount_namespaces", 7), kernel_doc("CFS Bandwidth Control", "scheduler/sched-bwc")],
    );
    let ours = stage.nsenter("-m", "ls /tmp/state/glassbox/images/layers")?;
    stage.try_it(ours, "the layers of both images: tiny is there once");
    stage.pause("two containers run, on one CPU")?;
    end(stage, batch)?;
    Ok(web)
}
// ANCHOR_END: a_container_each

/// End a container's program, and wait for the command that looks after it.
fn end(stage: &Stage, service: Service) -> Result<Ended> {
    stage.backstage(|| {
        kill(service.pid, Sig::SIGKILL)?;
        service.child.wait()
    })
}

// ANCHOR: the_same_leak
fn the_same_leak(stage: &mut Stage, machine: Machine, mut web: Running) -> Result<()> {
    stage.step("the same leak");
    stage.say(
        "At last the leak, in a second container of batch. It may have 32 MiB; web has its cache, as before.",
    );
    let guess = stage.predict(
        "batch leaks until nothing is left for it. Who is ended this time?",
        &["web: it is the largest", "processes of batch, and no other", "both"],
    );
    let (batch, _) = contained(stage, &machine, &["--name", "leak", "-m", "32m", "batch", "leak"])?;
    let crash = batch.child.wait()?;
    let alive = Reading { source: "/proc/PID/status State".into(), ..lives(web.pid)? };
    let kills = oom_kills(&group_of(web.pid, Controller::Memory)?)?;
    let kills = Reading { source: "the group of web, oom_kill".into(), ..kills };
    stage
        .check("batch has crashed")
        .expect_other_than(Ended::Exited(0).to_string())
        .saw((crash.to_string(), "wait4()"))?;
    stage.check("web is alive").expect("yes").saw(&alive)?;
    stage.check("in its group nobody was killed").expect(0).saw(&kills)?;
    let answer = web.ask("Ada", 1)?;
    stage.check("it answers").expect("hello, Ada").saw((answer, "its output"))?;
    stage.reveal(
        guess,
        if alive.text == "yes" { "processes of batch, and no other" } else { "both" },
        "A group at its limit is a machine that is full, for those inside. The killer looks for its victim there, and finds only
         those who have leaked. Whoever restarts batch may do so as often as he likes.",
    )?;
    stage.why(
        "What is left in common: the kernel, with its locks and caches, the memory's bandwidth, the disk unless io limits it, and the
         faults of the kernel itself. Whoever does not trust a neighbour takes a virtual machine between them.",
        &[man("cgroups", 7), man("namespaces", 7)],
    );
    stage.try_it(stage.nsenter("-m", "ls /tmp/state/glassbox/containers")?, "the containers' records");
    stage.pause("web answers, and batch is down")?;
    end(stage, web)?;
    machine.group.remove()
}
// ANCHOR_END: the_same_leak
