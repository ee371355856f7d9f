//! The two services, the machine that they share, and their containers.

use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::image::tiny;
use crate::kernel::cgroup::{Controller, Group, MEMORY_MAX, MEMORY_PROCS};
use crate::kernel::process::{Clone3, Ended, Sig, getpid, kill, sched_setaffinity};
use crate::kernel::{Pid, fs};
use crate::probe::Reading;
use crate::probe::cgroup::{control, cpu_quota, named};
use crate::probe::cpu::allowed;
use crate::probe::process::cgroup;
use crate::stage::{Child, Error, LessonGroup, Program, Result, Stage};

/// The programs, which are the same with containers and without.
pub(super) const WEB: &str = include_str!("web.sh");
const BATCH: &str = include_str!("batch.sh");

/// Two versions of the library that both read in.
pub(super) const FIRST: &str = "# version 1\ngreet() { echo \"hello, $1\"; }\n";
pub(super) const SECOND: &str =
    "# version 2\ngreet_in() {\n    case $1 in de) echo \"hallo, $2\" ;; *) echo \"hello, $2\" ;; esac\n}\n";

/// Where it is on the machine, as the host of the lesson sees it.
pub(super) const LIBRARY: &str = "machine/lib/greet.sh";

/// What both may take together, in bytes.
pub(super) const MEMORY: u64 = 64 << 20;
/// An answer is waited for: it can take a while where the processor is an imitation.
const PATIENCE: Duration = Duration::from_secs(120);
/// An odd number, so that one of them is in the middle.
const REQUESTS: usize = 9;
/// How long a request takes on an idle CPU, at the least.
const WORK: Duration = Duration::from_millis(10);
/// So often it is measured anew at the most, on a machine where others want the CPU too.
const ROUNDS: usize = 12;
/// And so often while nothing of the lesson's is in the way.
const CALM_ROUNDS: usize = 3;

/// The machine that both are on: a root directory, one CPU, and limits that stand for its size.
pub(super) struct Machine {
    pub(super) group: LessonGroup,
    pub(super) cpu: usize,
}

/// Make its files, and the context of an image for each service.
pub(super) fn files() -> Result<()> {
    fs::mkdir("machine")?;
    tiny::build(Path::new("machine"))?;
    ["machine/lib", "machine/srv"].iter().filter(|dir| !Path::new(dir).exists()).try_for_each(fs::mkdir)?;
    // A shell gives it to those in the background to read from.
    fs::create("machine/dev/null", "")?;
    for (name, program, library) in [("web", WEB, FIRST), ("batch", BATCH, SECOND)] {
        fs::create(format!("machine/srv/{name}"), program)?;
        fs::mkdir(name)?;
        fs::create(format!("{name}/program"), program)?;
        fs::create(format!("{name}/greet.sh"), library)?;
        fs::create(format!("{name}/Dockerfile"), dockerfile(name))?;
    }
    Ok(())
}

fn dockerfile(name: &str) -> String {
    format!(
        "FROM tiny\nCOPY greet.sh /lib/greet.sh\nCOPY program /srv/{name}\nENTRYPOINT [\"sh\", \"/srv/{name}\"]\n"
    )
}

/// Put a version of the library where the machine has it.
pub(super) fn install(library: &str) -> Result<()> {
    if Path::new(LIBRARY).exists() {
        fs::unlink(LIBRARY)?;
    }
    Ok(fs::create(LIBRARY, library)?)
}

impl Machine {
    pub(super) fn new(stage: &Stage) -> Result<Self> {
        let controllers = [Controller::Memory, Controller::Cpu, Controller::Cpuacct];
        let group = stage.cgroup("machine", &controllers)?;
        let cpu = allowed()?.last().copied();
        let cpu = cpu.ok_or_else(|| Error::Lesson("there is no CPU for this process".into()))?;
        let machine = Self { group, cpu };
        stage.backstage(|| -> Result<()> {
            machine.group.limit_memory(MEMORY)?;
            machine.plenty()
        })?;
        Ok(machine)
    }

    /// How much CPU time there is while we measure: most of one CPU, in pieces that nobody notices.
    pub(super) fn plenty(&self) -> Result<()> {
        Ok(self.group.limit_cpu(16_000, 20_000)?)
    }

    /// And while the learner reads: programs that count for ever should not heat the room.
    pub(super) fn little(&self) -> Result<()> {
        Ok(self.group.limit_cpu(2_000, 20_000)?)
    }

    /// Start a service: a process of this machine, as every other one.
    pub(super) fn start(&self, stage: &Stage, name: &str, argument: &str) -> Result<Service> {
        let pipes = Program::pipes()?;
        let child = stage.child_in(&self.group, name, Clone3::new(), |inside| {
            // Without limits that hold, what follows would be aimed at the machine of the learner.
            let own = inside.backstage(getpid)?.as_raw() as u64;
            let limited = control(&self.group, MEMORY_MAX)?.text == MEMORY.to_string();
            let there = control(&self.group, MEMORY_PROCS)?.numbers().contains(&own);
            if !limited || !there || cpu_quota(&self.group)?.text.starts_with("max") {
                return Err(Error::Lesson("the limits of the lesson's machine do not hold".into()));
            }
            inside.backstage(|| sched_setaffinity(self.cpu))?;
            fs::chroot("machine")?;
            fs::chdir("/")?;
            pipes.execve("/bin/sh", &["sh", &format!("/srv/{name}"), argument], &["PATH=/bin"])
        })?;
        Ok(Service { pid: child.pid(), child, pipes })
    }

    /// End whoever is left on the machine, but for one.
    pub(super) fn clear(&self, stage: &Stage, but: Option<Pid>) -> Result<()> {
        let members =
            control(&self.group, MEMORY_PROCS)?.numbers().into_iter().map(|pid| Pid::from_raw(pid as i32));
        stage.backstage(|| {
            // One that has just ended by itself is as good.
            members.filter(|pid| Some(*pid) != but).for_each(|pid| drop(kill(pid, Sig::SIGKILL)));
        });
        Ok(())
    }
}

/// A service that was started: a process, or a container.
pub(super) struct Service {
    /// What the lesson waits for: the program, or the command that looks after its container.
    pub(super) child: Child,
    /// The program.
    pub(super) pid: Pid,
    pipes: Program,
}

impl Service {
    /// The next line that it writes.
    pub(super) fn line(&mut self) -> Result<String> {
        self.pipes.read_until("\n", Some(PATIENCE))
    }

    /// Ask it something that takes so much work.
    pub(super) fn ask(&mut self, name: &str, work: u64) -> Result<String> {
        self.pipes.write_line(&format!("{name} {work}"))?;
        self.line()
    }

    fn round_trip(&mut self, work: u64) -> Result<Duration> {
        let begun = Instant::now();
        self.ask("you", work)?;
        Ok(begun.elapsed())
    }

    /// How much work a request has to be, so that it takes some time on this processor.
    pub(super) fn work(&mut self) -> Result<u64> {
        let mut work = 1000;
        while self.round_trip(work)? < WORK {
            work *= 2;
        }
        Ok(work)
    }

    /// How long requests take: the median, and the worst of a round that is as it should be.
    pub(super) fn wait(
        &mut self,
        stage: &Stage,
        work: u64,
        right: impl Fn(Duration) -> bool,
    ) -> Result<Wait> {
        let mut wait = Wait::default();
        for _ in 0..ROUNDS {
            let mut times = vec![];
            for _ in 0..REQUESTS {
                let time = self.round_trip(work)?;
                stage.gauge("an answer", time.as_millis() as u64, 400, "ms");
                times.push(time);
            }
            times.sort_unstable();
            wait = Wait { median: times[REQUESTS / 2], worst: times[REQUESTS - 1] };
            if right(wait.median) {
                break;
            }
        }
        Ok(wait)
    }

    /// The same before the lesson disturbs it: others on the real machine may, but not in every round.
    pub(super) fn undisturbed(&mut self, stage: &Stage, work: u64) -> Result<Wait> {
        let mut quickest = self.wait(stage, work, |_| true)?;
        for _ in 1..CALM_ROUNDS {
            let again = self.wait(stage, work, |_| true)?;
            if again.median < quickest.median {
                quickest = again;
            }
        }
        Ok(quickest)
    }

    /// End a program that was started without a container.
    pub(super) fn kill(self, stage: &Stage) -> Result<Ended> {
        stage.backstage(|| {
            kill(self.pid, Sig::SIGKILL)?;
            self.child.wait()
        })
    }
}

/// How long requests took.
#[derive(Default, Clone, Copy)]
pub(super) struct Wait {
    pub(super) median: Duration,
    pub(super) worst: Duration,
}

impl Wait {
    /// The median in microseconds.
    pub(super) fn micros(self) -> u64 {
        self.median.as_micros() as u64
    }

    /// And in milliseconds.
    pub(super) fn millis(self) -> f64 {
        self.micros() as f64 / 1000.0
    }

    pub(super) fn reading(self) -> Reading {
        Reading::new("an answer, in µs", "the median of 9 round trips", self.micros().to_string()).varying()
    }

    pub(super) fn show(self, stage: &Stage, what: &str) {
        let worst = self.worst.as_micros() as f64 / 1000.0;
        stage.measure(what, format!("{:.1} ms, at worst {worst:.1} ms", self.millis()), "9 round trips");
    }
}

/// Make the image of a service, with the library that it wants.
pub(super) fn build(stage: &Stage, name: &str) -> Result<()> {
    let ran = stage.glassbox("state", &["build", "-t", name, name])?;
    match ran.ended {
        Ended::Exited(0) => Ok(()),
        ended => Err(Error::Lesson(format!("the build of {name} {ended}: {}", ran.text))),
    }
}

/// Start a service in a container, on the CPU of the machine, and wait for its first line.
pub(super) fn contained(stage: &Stage, machine: &Machine, args: &[&str]) -> Result<(Service, String)> {
    let mut pipes = Program::pipes()?;
    let argv: Vec<&str> = ["glassbox", "run", "-i"].iter().chain(args).copied().collect();
    let env = stage.own_environment("state")?;
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    let lane = args.iter().position(|arg| *arg == "--name").and_then(|at| args.get(at + 1));
    let child = stage.child(lane.unwrap_or(&"container"), Clone3::new(), |inside| {
        inside.backstage(|| sched_setaffinity(machine.cpu))?;
        pipes.execve("/proc/self/exe", &argv, &env)
    })?;
    let line = pipes.read_until("\n", Some(PATIENCE))?;
    let Some(pid) = stage.own_child(&child, |_| true)? else {
        return Err(Error::Lesson(format!("glassbox run has no child, and says: {line}")));
    };
    Ok((Service { child, pid, pipes }, line))
}

/// The group of a container, by its program.
pub(super) fn group_of(pid: Pid, controller: Controller) -> Result<Group> {
    let place = cgroup(pid, controller.name())?.text;
    let name = place.rsplit('/').next().unwrap_or_default();
    let group = named(name, controller)?;
    group
        .ok_or_else(|| Error::Lesson(format!("the {controller} group {place} of the container is not there")))
}

impl Deref for Machine {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}
