//! How fast a group writes, and what the lesson uses and is not about.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::kernel::block::Loop;
use crate::kernel::cgroup::{Controller, Group, IO_PROCS, Missing, Version};
use crate::kernel::process::{Clone3, Sig, execve, kill};
use crate::kernel::{self, Errno, Pid};
use crate::machine::{Attempt, Refusal, explain};
use crate::probe::block::with_file;
use crate::probe::cgroup::{control, hierarchies, written};
use crate::probe::process::status;
use crate::probe::programs::find;
use crate::probe::{Reading, Unreadable, until};
use crate::stage::{LessonGroup, Result, Stage};

pub(super) const MIB: u64 = 1 << 20;
/// So often a machine may be busy with something else.
pub(super) const TRIES: usize = 10;

/// A group with limits of its own for devices, and for the page cache, too, where one controller knows of the other.
pub(super) fn group(stage: &Stage, name: &str) -> Result<LessonGroup> {
    let controllers = [Controller::Io, Controller::Memory];
    let used = if knows_page_cache()? { &controllers[..] } else { &controllers[..1] };
    stage.cgroup(name, used)
}

/// Whether io and memory are in one tree: only there the kernel knows whose pages it writes.
pub(super) fn knows_page_cache() -> Result<bool> {
    let trees = hierarchies()?;
    let in_v2 = |controller| trees.version(controller) == Some(Version::V2);
    Ok(in_v2(Controller::Io) && in_v2(Controller::Memory))
}

/// Version 2 counts what is written back for the owner of the page, or for nobody: why not for him, if so.
pub(super) fn owners_unknown() -> Result<Option<Refusal>> {
    let in_v2 = hierarchies()?.version(Controller::Io) == Some(Version::V2);
    let missing = explain(&Missing::Controller(Controller::Memory));
    Ok((in_v2 && !knows_page_cache()?).then_some(missing))
}

/// How many bytes a group writes to a device in a second, by its own account, over such a time. While it goes on,
/// `watch` is told how many there are.
pub(super) fn speed(group: &Group, device: &str, window: Duration, watch: impl Fn(u64)) -> Result<u64> {
    const MOMENT: Duration = Duration::from_millis(20);
    let begun = Instant::now();
    let before = written(group, device)?;
    loop {
        std::thread::sleep(MOMENT);
        let bytes = written(group, device)?.saturating_sub(before);
        let elapsed = begun.elapsed();
        watch(bytes);
        if elapsed >= window {
            return Ok((bytes as f64 / elapsed.as_secs_f64()) as u64);
        }
    }
}

/// Measure until it is as it should be. On a machine that is busy with other things a moment is not enough: but what
/// the kernel forbids is not seen in any of them.
pub(super) fn within(
    tries: usize,
    measure: impl Fn() -> Result<u64>,
    good: impl Fn(u64) -> bool,
) -> Result<u64> {
    for _ in 1..tries {
        let seen = measure()?;
        if good(seen) {
            return Ok(seen);
        }
    }
    measure()
}

/// Do something with so many bytes, and tell how many that is in a second.
pub(super) fn timed(bytes: u64, work: impl FnOnce() -> kernel::Result<()>) -> Result<u64> {
    let begun = Instant::now();
    work()?;
    Ok((bytes as f64 / begun.elapsed().as_secs_f64()) as u64)
}

/// A process of the group that sleeps where no signal wakes it, if there is one now or soon.
pub(super) fn sleeper(group: &Group) -> Result<Reading> {
    let sleeps = |state: &Reading| state.text.starts_with('D');
    let look = || {
        let members = control(group, IO_PROCS)?.numbers();
        let mut states = members.into_iter().filter_map(|pid| status(pid, "State").ok());
        let found = states.find(sleeps).map_or("nobody".into(), |state| state.text);
        Ok(Reading::new("state of dd", "/proc/PID/status State", found))
    };
    until(look, sleeps)
}

/// End everybody in the group, and wait until they are gone: somebody who waits for the device is, when he has had
/// his turn.
pub(super) fn clear(group: &Group) -> Result<()> {
    for pid in control(group, IO_PROCS)?.numbers() {
        match kill(Pid::from_raw(pid as i32), Sig::SIGKILL) {
            // It may have come to its end by itself.
            Err(error) if error.errno != Errno::ESRCH => return Err(error.into()),
            _ => {}
        }
    }
    until(|| control(group, IO_PROCS), |members| members.text.is_empty())?;
    Ok(())
}

/// How fast it is where it is faster than that. Once is enough, unless the machine was busy with something else.
pub(super) fn unhindered(inside: &Stage, least: u64, work: impl Fn() -> Result<u64>) -> Result<u64> {
    let first = work()?;
    let fast = |bytes| bytes >= least;
    if fast(first) { Ok(first) } else { inside.depending_on_machine(|| within(TRIES, work, fast)) }
}

/// An empty file system. Without a journal, which the kernel itself would write, at nobody's expense.
pub(super) fn make_file_system(stage: &Stage, disk: &Loop) -> Result<()> {
    const NAME: &str = "mkfs.ext4";
    let program = find(NAME).ok_or_else(|| Error::Told(explain(Attempt::program(NAME))))?;
    let (program, disk) = (program.to_string_lossy(), disk.path().to_string_lossy());
    let now = "lazy_itable_init=0,nodiscard";
    let argv = [NAME, "-q", "-F", "-O", "^has_journal", "-E", now, &disk];
    // Where it is differs from machine to machine.
    let format =
        |inside: &mut Stage| inside.depending_on_machine(|| Err(execve(&program, &argv, &[]).into()));
    let made = stage.child("mkfs", Clone3::new(), format)?.wait()?;
    stage.check("there is a file system on it").expect("exited with 0").saw((made.to_string(), "mkfs.ext4"))
}

/// The device has no file any more. Programs that look at every new device may have it open for a moment.
pub(super) fn gone(stage: &Stage, name: &str) -> Result<()> {
    let file = format!("glassbox-{}-{name}", stage.scene().run);
    let source = "/sys/block/*/loop/backing_file";
    let count = || Ok::<_, Unreadable>(Reading::new("", source, with_file(&file).len().to_string()));
    let left = until(count, |count| count.text == "0")?;
    stage.check("with its last descriptor the device has lost its file").expect(0).saw(&left)
}

/// In mebibytes a second.
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.2} MiB/s", bytes as f64 / MIB as f64)
}
