//! What a container is: a process, and what was left out when it was made.

mod lab;

use std::time::Duration;

use crate::event::man;
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, Ended, Sig, kill};
use crate::kernel::{Pid, uts};
use crate::machine::Need;
use crate::probe::process::{command_line, listed, namespace, program, status};
use crate::probe::{Reading, file};
use crate::stage::{Child, Lesson, Program, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "process",
    title: "Just another process",
    minutes: 7,
    builds_on: &[],
    steps: 5,
    needs: &[
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
    ],
    run,
    lab: lab::LAB,
};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const RELEASE: &str = "/proc/sys/kernel/osrelease";
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

fn run(stage: &mut Stage) -> Result<()> {
    let mut pair = twice(stage)?;
    one_kernel(stage, &mut pair)?;
    what_was_asked_for(stage, &pair)?;
    ended(stage, pair)?;
    what_it_costs(stage)
}

/// The flags for what a container has for itself, whoever runs it.
fn five() -> Clone3 {
    Clone3::new().newns().newuts().newipc().newpid().newnet()
}

/// A shell, started by us, and the ends of its input and output.
struct Shell {
    child: Child,
    program: Program,
}

impl Shell {
    fn start(stage: &Stage, lane: &str, clone: Clone3, before: fn() -> Result<()>) -> Result<Self> {
        let program = Program::pipes()?;
        let child = stage.child(lane, clone, |_| {
            before()?;
            program.execve("/bin/sh", &["sh"], &["PATH=/usr/bin:/bin"])
        })?;
        Ok(Self { child, program })
    }

    fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// What the shell itself reads in a file of one line.
    fn read(&mut self, path: &str) -> Result<Reading> {
        let answer = self.program.type_in(&format!("read -r line < {path} && echo $line"))?;
        let name = path.rsplit('/').next().unwrap_or_default();
        Ok(Reading::new(name, format!("{path}, read by the shell"), answer).varying())
    }
}

/// The same program, started in two ways.
struct Pair {
    plain: Shell,
    container: Shell,
}

// ANCHOR: twice
fn twice(stage: &mut Stage) -> Result<Pair> {
    stage.step("one program, started twice");
    stage.say(
        "We start a shell, and the same shell once more with five flags. With the flags the kernel gives it
         mounts, a host name, IPC, process numbers and a network of its own. That is a container.",
    );
    let guess = stage
        .predict("Which of the two shells is in the host's list of processes?", &["the plain one", "both"]);
    let plain = Shell::start(stage, "plain", Clone3::new(), || Ok(()))?;
    let container = Shell::start(stage, "container", five(), || Ok(uts::sethostname("glass")?))?;

    let (left, right) = (plain.pid(), container.pid());
    let (same, its) = (program(left)?.varying(), program(right)?.varying());
    stage
        .side_by_side("two processes", "plain", "container")
        .compare(&command_line(left)?, &command_line(right)?.labelled("cmdline"), "")
        .compare(&same, &its.clone().labelled("exe"), "the same program")
        .compare(&status(left, "PPid")?, &status(right, "PPid")?.labelled("PPid"), "one maker")
        .compare(&status(left, "NSpid")?, &status(right, "NSpid")?.labelled("NSpid"), "inside it is number 1")
        .show();
    let there = |pid: Pid, list: &[u64]| list.contains(&(pid.as_raw() as u64));
    let now = listed()?;
    stage.check("both execute the same file").expect(&same).saw(&its)?;
    stage.check("the host lists the plain one").saw((there(left, &now), "/proc"))?;
    stage.check("the host lists the one in the container").saw((there(right, &now), "/proc"))?;
    let observed = if there(right, &now) { "both" } else { "the plain one" };
    stage.reveal(
        guess,
        observed,
        "A container is not a machine in a box. It is a process on the host's list, made by clone3() like any other,
         with a pid, a parent and a place in the scheduler's queue.",
    )?;
    stage.why(
        "There is no word container in the kernel's interface. What the world calls so is an agreement of programs:
         which flags they pass, what they mount, and which limits they set before the execve().",
        &[man("clone", 2), man("namespaces", 7), man("execve", 2)],
    );
    stage.try_it(format!("ps -o pid,ppid,stat,args -p {left},{right}"), "both, as the host lists them");
    stage.pause("two shells are running")?;
    Ok(Pair { plain, container })
}
// ANCHOR_END: twice

// ANCHOR: one_kernel
fn one_kernel(stage: &mut Stage, pair: &mut Pair) -> Result<()> {
    stage.step("one kernel");
    stage.say(
        "The kernel draws a random number when it is booted, boot_id. We type into both shells, and let each of them
         read that number, the release of its kernel, and its host name.",
    );
    let guess = stage.predict(
        "A container of Debian runs on a machine with Fedora. What does `uname -r` say in it?",
        &["the kernel of Debian", "the kernel of Fedora"],
    );
    let (boot, release) = (file(BOOT_ID)?.varying(), file(RELEASE)?.varying());
    let plain = pair.plain.read(BOOT_ID)?;
    let inside = [BOOT_ID, RELEASE, HOSTNAME].map(|path| pair.container.read(path));
    let [its_boot, its_release, its_name] = inside;
    let (its_boot, its_release, its_name) = (its_boot?, its_release?, its_name?);
    stage
        .side_by_side("read by each", "host", "container")
        .compare(&boot, &its_boot, "booted once")
        .compare(&release, &its_release, "one kernel")
        .compare(&file(HOSTNAME)?.varying(), &its_name, "for this there is a namespace")
        .show();
    stage.check("the plain shell reads the host's boot_id").expect(&boot).saw(&plain)?;
    stage.check("the container reads the host's boot_id").expect(&boot).saw(&its_boot)?;
    stage.check("the container reads the host's kernel release").expect(&release).saw(&its_release)?;
    let host_kernel = its_boot.text == boot.text && its_release.text == release.text;
    stage.reveal(
        guess,
        if host_kernel { "the kernel of Fedora" } else { "the kernel of Debian" },
        "An image has programs and libraries, and no kernel. Whoever makes a system call in a container makes it to
         the host's kernel: nothing is booted, nothing is translated. A virtual machine has a boot_id of its own.",
    )?;
    stage.why(
        "So an image for Linux wants a Linux kernel, and of its processor's kind. Docker on macOS or Windows has a
         virtual machine with Linux below. And a hole in the kernel is one in the wall between all containers.",
        &[man("random", 4), man("uname", 2)],
    );
    let enter = stage.scene().nsenter(pair.container.pid(), "-m -u -i -n -p", "uname -n -r");
    stage.try_it(enter, "its host name, and your kernel");
    stage.pause("both shells wait for what is typed")
}
// ANCHOR_END: one_kernel

// ANCHOR: what_was_asked_for
fn what_was_asked_for(stage: &mut Stage, pair: &Pair) -> Result<()> {
    stage.step("exactly what was asked for");
    stage.say(
        "For each kind of namespace there is a link in /proc/PID/ns. Two processes whose links are equal are in the
         same namespace. We compare both shells with their maker.",
    );
    let guess = stage.predict(
        "Five flags were given. The links of the other kinds, such as user and cgroup, are",
        &["new as well", "the host's"],
    );
    let asked = [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net];
    let (left, right) = (pair.plain.pid(), pair.container.pid());
    let mut table = stage.side_by_side("namespaces", "plain", "container");
    let (mut plain, mut own) = (vec![], vec![]);
    for kind in Kind::ALL {
        // A kernel without time namespaces has no such link.
        let Ok(host) = namespace("self", kind) else { continue };
        let (one, other) = (namespace(left, kind)?, namespace(right, kind)?);
        plain.extend((one.text != host.text).then(|| kind.link()));
        own.extend((other.text != host.text).then(|| kind.link()));
        let note = if asked.contains(&kind) { "asked for" } else { "shared" };
        table = table.compare(&one, &other.labelled(format!("ns/{kind}")), note);
    }
    table.show();
    let links = |pid: Pid| format!("/proc/{pid}/ns and /proc/self/ns");
    stage
        .check("the plain shell is apart from its maker in nothing")
        .expect(0usize)
        .saw((plain.len(), links(left)))?;
    stage
        .check("the container is apart in what was asked for")
        .expect(asked.map(Kind::link))
        .saw((own.clone(), links(right)))?;
    stage.reveal(
        guess,
        if own.len() == asked.len() { "the host's" } else { "new as well" },
        "Isolation is not a whole that one has or has not. Each kind is asked for by a flag, and what is not asked for
         is shared. \"Docker uses five namespaces\" was true once: today it asks for cgroup too, and for user when told.",
    )?;
    stage.why(
        "What no kind covers is shared in any case: the kernel, its modules and settings, the wall clock, the disks.
         A container is as much apart from its host as somebody thought of.",
        &[man("namespaces", 7), man("clone", 2)],
    );
    stage.try_it(format!("ls -l /proc/{left}/ns /proc/{right}/ns"), "all links of both, read by you");
    stage.pause("two processes, five differences")
}
// ANCHOR_END: what_was_asked_for

// ANCHOR: ended
fn ended(stage: &mut Stage, pair: Pair) -> Result<()> {
    stage.step("ended like any other");
    stage.say("A machine is shut down. A process gets a signal. We send the container the one that nobody can refuse.");
    let Pair { plain, container } = pair;
    let pid = container.pid();
    kill(pid, Sig::SIGKILL)?;
    let how = container.child.wait()?;
    stage
        .check("the container was killed")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((how.to_string(), "wait4()"))?;
    let there = listed()?.contains(&(pid.as_raw() as u64));
    stage.check("it is on no list any more").expect(false).saw((there, "/proc"))?;
    let lives = status(plain.pid(), "State")?;
    let awake = !lives.text.starts_with(['Z', 'X']);
    stage.check("the plain shell lives on").saw((awake, &lives.source))?;
    stage.why(
        "`docker stop` sends SIGTERM, waits for ten seconds, and sends SIGKILL. Its namespaces had no other process, so
         the kernel has taken them away as well: host name, network and mounts went with their last user.",
        &[man("kill", 2), man("wait", 2)],
    );
    stage.pause("one shell is left")?;
    drop(plain.program);
    plain.child.finish()
}
// ANCHOR_END: ended

// ANCHOR: what_it_costs
fn what_it_costs(stage: &mut Stage) -> Result<()> {
    const HOW: &str = "median of 15";
    stage.step("what it costs");
    stage.say(
        "How long does it take until the child executes its first instruction? We start a process fifteen times plainly,
         fifteen times in five namespaces, and then once more with each flag alone.",
    );
    let guess = stage.predict(
        "How much longer does a start in five namespaces take?",
        &["some seconds, as a boot does", "about a second", "milliseconds, or less"],
    );
    let plain = stage.time_to_start(Clone3::new())?;
    let contained = stage.time_to_start(five())?;
    let flags = [
        ("mnt alone", Clone3::new().newns()),
        ("uts alone", Clone3::new().newuts()),
        ("ipc alone", Clone3::new().newipc()),
        ("pid alone", Clone3::new().newpid()),
        ("net alone", Clone3::new().newnet()),
    ];
    let mut bars = vec![("plain", milliseconds(plain)), ("five namespaces", milliseconds(contained))];
    for (name, clone) in flags {
        bars.push((name, milliseconds(stage.time_to_start(clone)?)));
    }
    stage.chart("from clone3() to the first instruction", "ms", HOW, &bars);
    let extra = contained.saturating_sub(plain);
    let reading = Reading::new("extra", "the difference, in µs", extra.as_micros().to_string()).varying();
    stage.check("the five namespaces cost less than a second").expect_at_most(999_999).saw(&reading)?;
    let observed = match extra.as_millis() {
        0..500 => "milliseconds, or less",
        500..2000 => "about a second",
        _ => "some seconds, as a boot does",
    };
    stage.reveal(
        guess,
        observed,
        "The kernel fills in some structures. As a rule the network is the most expensive one, with its tables and a
         loopback interface; a host name is a copy of some bytes. Nothing has to be booted.",
    )?;
    stage.why(
        "That `docker run` takes half a second is the work of its programs: they talk to each other, prepare the layers
         and the network, and start a runtime, which does what this lesson does, in a few milliseconds.",
        &[man("clone", 2), man("network_namespaces", 7)],
    );
    stage.pause("every process of this step has ended")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
// ANCHOR_END: what_it_costs
