//! A command that is killed on its way into a system call: strace does it.

use super::host::Host;
use super::{eventually, finish, processes};

/// Whether it was killed on its way into the system call of this number; it was not, if it makes fewer of them. Other
/// processes that it has started go with it, except those that are to stay.
pub(crate) fn killed(host: &Host, arguments: &[&str], step: &str, number: u32, stays: bool) -> bool {
    let inject = format!("inject={step}:signal=SIGKILL:when={number}");
    let trace = format!("trace={step}");
    let mut command = host.home.command("strace");
    let log = host.home.path().join("strace.log");
    let follow = if stays { &["-f", "-D"][..] } else { &["-f"] };
    command.args(follow).args(["-q", "-o", log.to_str().unwrap(), "-e", &trace, "-e", &inject, "--"]);
    let ran = finish(command.arg(host.home.program()).args(arguments));
    let killed = || std::fs::read_to_string(&log).unwrap_or_default().contains("killed by SIGKILL");
    if stays && !killed() {
        // The supervisor is traced as long as it lives.
        host.clear();
    }
    let home = format!("XDG_STATE_HOME={}", host.home.path().display());
    let is_ours = |process: &processes::Process| process.name == "strace";
    eventually("its tracer ends", || !processes::with_environment(&home).iter().any(is_ours));
    let killed = killed();
    assert!(killed || ran.code == Some(0), "{step} number {number}: {ran}");
    killed
}
