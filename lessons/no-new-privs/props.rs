//! The programs of the lesson, and what of them can be seen.

use std::time::Duration;

use crate::kernel::capability::{Set, mark};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::process::{Clone3, set_no_new_privs};
use crate::kernel::{Errno, Pid, Refused, fs};
use crate::probe::Reading;
use crate::probe::process::{capabilities, secure_execution, status};
use crate::stage::{Child, Program, Result, Stage};

/// The program that gets marks.
pub(super) const CAT: &str = "/bin/cat";
/// A copy that runs with the number of its owner, root.
pub(super) const AS_OWNER: &str = "/tmp/programs/cat-as-owner";
/// A copy that runs with a capability.
pub(super) const CAPABLE: &str = "/tmp/programs/cat-that-may";
/// A file that its mode closes to everybody.
pub(super) const SECRET: &str = "/tmp/secret";

/// How long a program may take for a line.
const PATIENCE: Duration = Duration::from_secs(60);

// ANCHOR: provide
/// The stage's own /tmp is mounted `nosuid`: there the kernel looks at no mark.
pub(super) fn provide(stage: &Stage) -> Result<()> {
    fs::create(SECRET, "42\n")?;
    fs::chmod(SECRET, 0)?;
    fs::mkdir("/tmp/programs")?;
    mount("programs", "/tmp/programs", "tmpfs", Flags::MS_NODEV, "mode=755")?;
    for copy in [AS_OWNER, CAPABLE] {
        stage.depending_on_machine(|| fs::copy(CAT, copy))?;
    }
    fs::chmod(AS_OWNER, 0o4755)?;
    Ok(mark(CAPABLE, Set::DAC_OVERRIDE)?)
}
// ANCHOR_END: provide

/// A user's cat, which has told what it could read, and waits for input.
pub(super) struct Cat {
    child: Child,
    program: Program,
    /// What the user was, and what the program is.
    pub(super) before: Held,
    pub(super) after: Held,
    /// What it wrote.
    pub(super) text: String,
}

/// What a process may do.
pub(super) struct Held {
    pub(super) uid: Reading,
    pub(super) effective: Reading,
    pub(super) promise: Reading,
}

impl Held {
    /// What equals all that root could have here, which differs from machine to machine, is told so.
    pub(super) fn by(pid: Pid) -> Result<Self> {
        let all = capabilities("self", "CapBnd")?.text;
        let effective = capabilities(pid, "CapEff")?.labelled("CapEff");
        let effective =
            if effective.text == all { Reading { text: ALL.into(), ..effective } } else { effective };
        let field = |name: &str| status(pid, name).map(|reading| reading.labelled(name));
        Ok(Self { uid: field("Uid")?, effective, promise: field("NoNewPrivs")? })
    }
}

/// What a set is called that has everything which root has on this machine.
pub(super) const ALL: &str = "(all of root's)";

// ANCHOR: executed
/// An ordinary user executes a copy of cat, and may have promised something before.
pub(super) fn executed(stage: &Stage, lane: &str, file: &str, promised: bool) -> Result<Cat> {
    let mut program = Program::pipes()?;
    let mut child = stage.ordinary(lane, Clone3::new(), |inside| {
        let refused = fs::open(SECRET).refused();
        inside.check("this user may not read the file").expect(Errno::EACCES).saw((refused, "open()"))?;
        inside.hold()?;
        if promised {
            set_no_new_privs()?;
        }
        program.execve(file, &["cat", SECRET, "-"], &["PATH=/usr/bin:/bin"])
    })?;
    let before = Held::by(child.pid())?;
    child.go_on();
    let text = program.read_until("\n", Some(PATIENCE))?;
    let after = Held::by(child.pid())?;
    Ok(Cat { child, program, before, after, text })
}
// ANCHOR_END: executed

impl Cat {
    pub(super) fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Whether the kernel told it to trust nobody.
    pub(super) fn secure(&self) -> Result<Reading> {
        Ok(secure_execution(self.pid())?.labelled("AT_SECURE"))
    }

    /// The end of its input is its own end.
    pub(super) fn end(self) -> Result<()> {
        drop(self.program);
        self.child.wait().map(drop)
    }
}
