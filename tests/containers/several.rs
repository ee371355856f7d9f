//! Many containers by one command, and a process 1 that looks after orphans.

use std::collections::BTreeSet;
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{eventually, trial};
use crate::detached::supervisors;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("replicas: one command, one supervisor", replicas),
        trial("replicas: what cannot be started", failing),
        trial("init: orphans are reaped, signals passed on", init),
    ]
}

fn replicas() {
    const COUNT: usize = 12;
    let Some(host) = Host::new("replicas") else { return };
    let script = "echo $(cat /etc/hostname) > /mine; sleep 1000";
    let ids = host.says(&["run", "--replicas", "12", "--name", "web", "tiny", "sh", "-c", script]);
    let ids: BTreeSet<&str> = ids.lines().collect();
    assert_eq!(ids.len(), COUNT, "{ids:?}");
    assert_eq!(host.says(&["ps", "-q"]).lines().count(), COUNT);
    assert_eq!(supervisors(&host).len(), 1);
    // Each has its own name and its own files.
    let id = host.says(&["inspect", "--format", "{{.Id}}", "web-7"]);
    eventually("it has written", || {
        host.glassbox(&["exec", "web-7", "cat", "/mine"]).out.trim() == &id[..12]
    });
    host.says(&["kill", "web-3"]);
    assert_eq!(host.says(&["wait", "web-3"]), "137");
    assert_eq!(host.says(&["ps", "-q"]).lines().count(), COUNT - 1);
    let all: Vec<&str> = ids.into_iter().collect();
    host.says(&[&["rm", "-f"], all.as_slice()].concat());
    assert_eq!(host.left(), Vec::<PathBuf>::new());
    eventually("the supervisor ends", || supervisors(&host).is_empty());
}

fn failing() {
    let Some(host) = Host::new("replicas") else { return };
    let ran = host.glassbox(&["run", "--rm", "--replicas", "3", "tiny", "nope"]);
    assert_eq!(ran.code, Some(127), "{ran}");
    assert!(ran.err.contains("has no program \"nope\"") && ran.out.is_empty(), "{ran}");
    eventually("the supervisor ends", || supervisors(&host).is_empty());
    // One name is taken: those before it are there, and go on.
    host.says(&["run", "--name", "web-2", "tiny", "true"]);
    let ran = host.glassbox(&["run", "--replicas", "3", "--name", "web", "tiny", "sleep", "1000"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(125), 1), "{ran}");
    assert_eq!(host.says(&["ps", "--format", "{{.Names}}"]), "web-1");
    assert_eq!(host.glassbox(&["run", "--replicas", "0", "tiny"]).code, Some(2));
}

fn init() {
    let Some(host) = Host::new("init") else { return };
    let ran = host.shell(&["--init"], "cat /proc/1/comm; echo $$; exit 8");
    assert_eq!((ran.code, ran.out.as_str()), (Some(8), "init\n2\n"), "{ran}");
    // A program that has no handler for it is ended by a signal, which process 1 would not be.
    let id = host.says(&["run", "-d", "--init", "tiny", "sleep", "1000"]);
    host.says(&["stop", "-t", "60", &id]);
    assert_eq!(host.says(&["wait", &id]), "143");
    // Orphans do not stay as zombies.
    let script = "for i in 1 2 3; do (sleep 0.05 &); done; while cat /proc/[0-9]*/comm | grep -q sleep; do :; done; \
        grep -h '^State' /proc/[0-9]*/status | grep -c zombie";
    let ran = host.shell(&["--init"], script);
    assert_eq!(ran.out, "0\n", "{ran}");
    assert_eq!(host.glassbox(&["run", "--rm", "--init", "tiny", "nope"]).code, Some(127));
    // Its program leads to no file of the host.
    let ran = host.shell(&["--init"], "readlink /proc/1/exe || ls -l /proc/1/exe");
    assert!(ran.all().contains("memfd:glassbox"), "{ran}");
}
