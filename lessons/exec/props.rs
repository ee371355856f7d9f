//! The programs of the lesson, and what of them can be seen.

use std::time::Duration;

use crate::kernel::Pid;
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, getpid};
use crate::probe::Reading;
use crate::probe::process::{comm, namespace, status};
use crate::stage::{Child, Error, Program, Result, Stage};

/// What a container of the lesson has for itself.
pub(super) const KINDS: [Kind; 6] = [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::Cgroup];

/// A command of ours that goes on, and the process that it has started.
pub(super) struct Running {
    /// `glassbox`, which waits for it.
    pub(super) command: Child,
    /// The program, as the host knows it.
    pub(super) pid: Pid,
    _pipes: Program,
}

/// Run `glassbox` with these arguments, and wait until what it starts has become `sleep`.
pub(super) fn started(stage: &Stage, lane: &str, args: &[&str]) -> Result<Running> {
    let mut pipes = Program::pipes()?;
    let argv: Vec<&str> = ["glassbox"].iter().chain(args).copied().collect();
    let env = stage.own_environment("state")?;
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    let command = stage.child(lane, Clone3::new(), |_| pipes.execve("/proc/self/exe", &argv, &env))?;
    let is_program = |child| comm(child).is_ok_and(|name| name.text == "sleep");
    let Some(pid) = stage.own_child(&command, is_program)? else {
        let said = pipes.read_to_end(Duration::from_secs(1)).unwrap_or_default();
        return Err(Error::Lesson(format!("glassbox {} has no child, and says: {said}", args.join(" "))));
    };
    Ok(Running { command, pid, _pipes: pipes })
}

/// A namespace of a process, without the number of the process: it is in no lane.
pub(super) fn of(pid: Pid, kind: Kind) -> Result<Reading> {
    let reading = namespace(pid, kind)?;
    Ok(Reading { source: format!("/proc/PID/ns/{kind}"), ..reading.labelled(format!("ns/{kind}")) })
}

/// A line of `/proc/PID/status`.
pub(super) fn line(pid: Pid, name: &str) -> Result<Reading> {
    let reading = status(pid, name)?;
    Ok(Reading { source: format!("/proc/PID/status {name}"), ..reading.labelled(name) })
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
