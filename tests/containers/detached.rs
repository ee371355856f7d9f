//! Containers that nobody waits for: logs, ends, pauses, and what is known of them.

use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::processes::{self, Process};
use crate::common::{eventually, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("detached: output is kept, and followed", logs),
        trial("detached: stop, kill and wait", ends),
        trial("detached: pause and unpause", pause),
        trial("detached: rm -f, and --rm", removal),
        trial("detached: a supervisor that is killed", killed),
        trial("detached: inspect and stats", inspect),
    ]
}

/// A shell that does nothing, and ends when it is asked to.
const PATIENT: &str = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";

/// Start it, and wait until it is ready to be asked.
pub(crate) fn start(host: &Host, flags: &[&str]) -> String {
    let run = [&["run", "-d"], flags, &["tiny", "sh", "-c", PATIENT]].concat();
    let id = host.says(&run);
    assert_eq!(id.len(), 64, "{id}");
    eventually("the container is ready", || host.glassbox(&["logs", &id]).out.contains("ready"));
    id
}

fn logs() {
    let Some(host) = Host::new("logs") else { return };
    let id =
        host.says(&["run", "-d", "--name", "web", "tiny", "sh", "-c", "echo one; echo two >&2; echo three"]);
    assert_eq!(host.says(&["wait", "web"]), "0");
    assert_eq!(host.says(&["logs", "web"]), "one\ntwo\nthree");
    assert_eq!(host.says(&["logs", "--tail", "1", &id[..6]]), "three");
    assert_eq!(host.says(&["logs", "--tail", "0", "web"]), "");
    let follow = host.says(&["run", "-d", "tiny", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"]);
    assert_eq!(host.says(&["logs", "-f", &follow]), "1\n2\n3");
    host.says(&["run", "--name", "front", "tiny", "true"]);
    let refused = host.glassbox(&["logs", "front"]);
    assert_eq!(refused.code, Some(1), "{refused}");
}

fn ends() {
    let Some(host) = Host::new("ends") else { return };
    start(&host, &["--name", "asked"]);
    assert_eq!(host.says(&["stop", "asked"]), "asked");
    assert_eq!(host.says(&["wait", "asked"]), "5");
    start(&host, &["--name", "told", "--stop-signal", "USR1"]);
    // Process 1 does not hear what it has no handler for.
    assert_eq!(host.says(&["stop", "-t", "0", "told"]), "told");
    assert_eq!(host.says(&["wait", "told"]), "137");
    start(&host, &["--name", "killed"]);
    host.says(&["kill", "-s", "TERM", "killed"]);
    assert_eq!(host.says(&["wait", "killed"]), "5");
    start(&host, &["--name", "struck"]);
    host.says(&["kill", "struck"]);
    assert_eq!(host.says(&["wait", "struck"]), "137");
    // It is what was wanted; but nobody can be killed who does not run.
    assert_eq!(host.says(&["stop", "struck"]), "struck");
    assert_eq!(host.glassbox(&["kill", "struck"]).code, Some(1));
    assert_eq!(host.says(&["ps", "-q"]), "");
}

fn pause() {
    let Some(host) = Host::new("pause") else { return };
    let id = start(&host, &["--name", "web"]);
    let paused = host.glassbox(&["pause", "web"]);
    if paused.code == Some(1) && !is_root() {
        return skip("pause", paused.err.lines().next().unwrap_or_default());
    }
    assert_eq!(paused.code, Some(0), "{paused}");
    assert!(host.says(&["ps"]).contains("(Paused)"));
    assert_eq!(host.glassbox(&["exec", "web", "true"]).code, Some(1));
    assert_eq!(host.glassbox(&["pause", "web"]).code, Some(1));
    host.says(&["unpause", "web"]);
    assert_eq!(host.says(&["exec", "web", "sh", "-c", "echo again"]), "again");
    // What stands still can be ended, too, and leaves no group.
    host.says(&["pause", "web"]);
    host.says(&["stop", "-t", "60", "web"]);
    assert_eq!(host.says(&["wait", "web"]), "5");
    let left = crate::common::host::groups();
    assert!(!left.iter().any(|group| group.ends_with(format!("glassbox-{}", &id[..12]))), "{left:?}");
    start(&host, &["--name", "other"]);
    host.says(&["pause", "other"]);
    host.says(&["rm", "-f", "other", "web"]);
    assert_eq!(host.left(), Vec::<PathBuf>::new());
}

fn removal() {
    let Some(host) = Host::new("removal") else { return };
    let ids: Vec<String> = (0..4).map(|_| start(&host, &[])).collect();
    let refused = host.glassbox(&["rm", &ids[0]]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.err.contains("runs"), "{refused}");
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    host.says(&[&["rm", "-f"], all.as_slice()].concat());
    assert_eq!(host.left(), Vec::<PathBuf>::new());
    let id = start(&host, &["--rm"]);
    host.says(&["stop", &id]);
    eventually("it removes itself", || host.left().is_empty());
    eventually("its supervisor ends", || supervisors(&host).is_empty());
}

/// The processes of glassbox that look after this host's containers.
pub(crate) fn supervisors(host: &Host) -> Vec<Process> {
    let home = format!("XDG_STATE_HOME={}", host.home.path().display());
    processes::with_environment(&home)
        .into_iter()
        .filter(|process| process.name.starts_with("glassbox"))
        .collect()
}

fn killed() {
    let Some(host) = Host::new("a killed supervisor") else { return };
    for flags in [&["--name", "web"][..], &["--rm"]] {
        let id = start(&host, flags);
        let pid = host.says(&["inspect", "--format", "{{.State.Pid}}", &id]);
        let init = Process::of(pid.parse().unwrap()).unwrap();
        let supervisor = Process::of(init.parent).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(supervisor.pid), nix::sys::signal::SIGKILL)
            .unwrap();
        eventually("the container ends with its supervisor", || !init.is_alive());
        if flags.contains(&"--rm") {
            assert_eq!(host.says(&["ps", "-aq"]), "");
        } else {
            assert!(host.says(&["ps", "-a"]).contains("Exited (137)"));
            assert_eq!(host.says(&["wait", "web"]), "137");
            host.says(&["rm", "web"]);
        }
        assert_eq!(host.left(), Vec::<PathBuf>::new());
    }
}

fn inspect() {
    let Some(host) = Host::new("inspect") else { return };
    let id = start(&host, &["--name", "web", "--label", "kind=test", "-e", "A=b"]);
    let field = |field: &str| host.says(&["inspect", "--format", &format!("{{{{{field}}}}}"), "web"]);
    assert_eq!(field(".Id"), id);
    assert_eq!(field(".State.Status"), "running");
    assert_eq!(field(".Name"), "/web");
    assert_eq!(field("json .Config.Labels"), "{\"kind\":\"test\"}");
    let whole: serde_json::Value = serde_json::from_str(&host.says(&["inspect", "web"])).unwrap();
    assert!(whole[0]["Config"]["Env"].as_array().unwrap().iter().any(|entry| entry == "A=b"), "{whole}");
    // The same process, x-rayed.
    assert!(host.says(&["inspect", &field(".State.Pid")]).contains("process"));
    assert_eq!(
        host.says(&["ps", "--filter", "label=kind=test", "--format", "{{.Names}} {{.State}}"]),
        "web running"
    );
    assert_eq!(host.glassbox(&["inspect", "--format", "{{.Nothing}}", "web"]).code, Some(1));
    assert_eq!(host.glassbox(&["inspect", "nobody"]).code, Some(1));
    let stats = host.says(&["stats", "--no-stream", "web"]);
    assert!(stats.lines().nth(1).is_some_and(|line| line.contains("web")), "{stats}");
}
