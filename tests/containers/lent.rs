//! A container in front is in its maker's memory until it has become its program.

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::host::Host;
use crate::common::{eventually, has_tool, is_root, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("killed: the maker whose memory it has", maker_killed)]
}

/// The container's process stands still long enough to be met in it.
const STANDS_STILL: &str = "inject=sethostname:delay_enter=1000000";

fn maker_killed() {
    if !has_tool("strace", "a maker that is killed") {
        return;
    }
    let Some(host) = Host::new("a maker that is killed") else { return };
    let log = host.home.path().join("strace.log");
    let mut command = host.home.command("strace");
    command.args(["-f", "-q", "-o"]).arg(&log);
    command.args(["-e", "trace=clone3,sethostname", "-e", STANDS_STILL, "--"]);
    let mut tracer =
        command.arg(host.home.program()).args(["run", "--rm", "tiny", "sleep", "1000"]).spawn().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("the container is on its way", || said().contains("sethostname("));
    let said = said();
    let made = said.lines().find(|line| line.contains("clone3(") && line.contains("CLONE_NEWPID")).unwrap();
    // Users of its own are mapped by the maker, who cannot stand still then.
    assert_eq!(made.contains("CLONE_VM|CLONE_VFORK"), is_root(), "{made}");
    let maker = made.split(' ').next().unwrap().parse().unwrap();
    kill(Pid::from_raw(maker), Signal::SIGKILL).unwrap();
    tracer.wait().unwrap();
    assert_eq!(host.says(&["ps", "-aq"]), "");
    assert!(host.left().is_empty(), "{:?}", host.left());
}
