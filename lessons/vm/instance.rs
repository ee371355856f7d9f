//! The two that are compared: a container and a virtual machine, which start from the same files.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::container::{devices, root};
use crate::kernel::Pid;
use crate::kernel::arch::HERE;
use crate::kernel::mount::make_private;
use crate::kernel::process::{Clone3, Ended, Sig, kill};
use crate::machine::{Attempt, explain};
use crate::probe::{Reading, cpu, kernel_image, programs};
use crate::stage::{Child, Error, Program, Result, Stage};

/// The tree, and the same in one file.
pub(super) const TREE: &str = "tiny";
pub(super) const ARCHIVE: &str = "tiny.cpio";
/// Where the container's writes go.
pub(super) const UPPER: &str = "upper";

/// How much memory the virtual machine is given, in MiB.
pub(super) const MEMORY: u64 = 256;

/// Process 1 in both, executed by `/bin/sh`: it does what is typed. A guest has no /proc yet.
pub(super) const INIT: &str = "PATH=/bin
echo 'number 1: here'
[ -e /proc/self ] || mount -t proc proc /proc
while read -r command; do
    echo 'number 1: begin'
    eval \"$command\"
    echo 'number 1: end'
done
";
const FIRST: &str = "number 1: here";
const BEGIN: &str = "number 1: begin";
const END: &str = "number 1: end";

/// A machine that takes longer hangs. Software emulation on a busy computer is slow.
const PATIENCE: Duration = Duration::from_secs(100);
/// Hardware is quick, if it works; where it does not there is another way.
const SHORT_PATIENCE: Duration = Duration::from_secs(20);

/// A container or a virtual machine, and its process 1 to talk to.
pub(super) struct Instance {
    child: Child,
    program: Program,
    /// From `clone3` to the first line of process 1.
    pub(super) start: Duration,
}

impl Instance {
    /// Make a child that becomes a program, and wait for the first line of process 1.
    fn start(
        stage: &Stage,
        lane: &str,
        clone: Clone3,
        patience: Duration,
        become_it: impl FnOnce(&Stage, &Program) -> Result<()>,
    ) -> Result<(Self, Result<()>)> {
        let mut program = Program::pipes()?;
        let begun = Instant::now();
        let child = stage.child(lane, clone, |inside| become_it(inside, &program))?;
        let first = program.read_until(FIRST, Some(patience)).map(drop);
        Ok((Self { child, program, start: begun.elapsed() }, first))
    }

    // ANCHOR: container
    /// Five namespaces, the tree below an empty layer, and the shell.
    pub(super) fn container(stage: &Stage) -> Result<Self> {
        let five = Clone3::new().newns().newuts().newipc().newpid().newnet();
        let (container, first) = Self::start(stage, "container", five, PATIENCE, |_, program| {
            make_private("/")?;
            root::mount_layers(Path::new(TREE), Path::new(UPPER), Path::new("work"), Path::new("merged"))?;
            root::enter(Path::new("merged"))?;
            devices::mount_proc()?;
            root::forget_old_root()?;
            program.execve("/bin/sh", &["/bin/sh", "/init"], &[])
        })?;
        first.map(|()| container)
    }
    // ANCHOR_END: container

    // ANCHOR: guest
    /// QEMU, a kernel, and the archive. Returns also what executes the guest's instructions.
    pub(super) fn guest(stage: &Stage) -> Result<(Self, &'static str)> {
        if cpu::runs_guests() {
            let (guest, first) = Self::boot(stage, "kvm", SHORT_PATIENCE)?;
            match first {
                Ok(()) => return Ok((guest, "on the processor, by KVM")),
                Err(_) => stage.depending_on_machine(|| guest.end())?,
            };
        }
        let (guest, first) = Self::boot(stage, "tcg", PATIENCE)?;
        // What a kernel writes after that is where it was at the time.
        let panic = guest.program.has_written("Kernel panic");
        let failed =
            |why: Error| Attempt::boot(&kernel_image::path(), panic.unwrap_or_else(|| why.to_string()));
        first.map_err(|why| Error::Told(explain(failed(why))))?;
        Ok((guest, "as QEMU translates it"))
    }

    fn boot(stage: &Stage, accelerator: &str, patience: Duration) -> Result<(Self, Result<()>)> {
        let machine = HERE.machine;
        let qemu = programs::find(machine.qemu);
        let qemu = qemu.ok_or_else(|| Error::Told(explain(Attempt::program(machine.qemu))))?;
        let (qemu, kernel) = (qemu.display().to_string(), kernel_image::path().display().to_string());
        let (memory, console) = (format!("{MEMORY}M"), machine.console);
        // The kernel hands on what comes after the two strokes: /bin/sh /init.
        let line =
            format!("console={console} loglevel=1 panic=-1 {} rdinit=/bin/sh -- /init", machine.parameters);
        #[rustfmt::skip]
        let argv = [
            &qemu, "-accel", accelerator, "-machine", machine.board, "-cpu", machine.processor, "-m", &memory,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", &kernel, "-initrd", ARCHIVE, "-append", &line,
        ];
        Self::start(stage, "vm", Clone3::new(), patience, |lane, program| {
            lane.depending_on_machine(|| program.execve(&qemu, &argv, &["PATH=/usr/bin:/bin"]))
        })
    }
    // ANCHOR_END: guest

    /// The process that the host has of it.
    pub(super) fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// What process 1 answers to a command.
    pub(super) fn ask(&mut self, command: &str) -> Result<String> {
        self.program.write_line(command)?;
        let text = self.program.read_until(END, Some(PATIENCE))?;
        // A guest's console repeats what is typed, and ends its lines as a terminal does.
        let answer = text.rsplit(BEGIN).next().unwrap_or_default();
        Ok(answer.replace('\r', "").trim().to_string())
    }

    /// What process 1 reads in a file of which the first line counts, or in that of its lines.
    pub(super) fn read(&mut self, path: &str) -> Result<Reading> {
        let answer = self.ask(&format!("read -r line < {path} && echo \"$line\""))?;
        let name = path.rsplit('/').next().unwrap_or_default();
        Ok(Reading::new(name, format!("{path}, read by number 1"), answer).varying())
    }

    /// How long it takes to do something.
    pub(super) fn time(&mut self, command: &str) -> Result<Duration> {
        let begun = Instant::now();
        self.ask(command)?;
        Ok(begun.elapsed())
    }

    /// Let process 1 end, and read what is written after that; how it ended on the host.
    pub(super) fn exit(mut self) -> Result<(String, Ended)> {
        self.program.write_line("exit 3")?;
        let text = self.program.read_to_end(PATIENCE)?;
        Ok((text, self.child.wait()?))
    }

    /// End it from outside.
    pub(super) fn end(self) -> Result<Ended> {
        kill(self.pid(), Sig::SIGKILL)?;
        self.child.wait()
    }
}
