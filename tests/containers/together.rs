//! Several commands at once, on one container and on one store.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{PATIENCE, eventually, trial};
use crate::detached::start;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("together: one name for several containers", names),
        trial("together: one container, removed by several", removals),
        trial("together: everything", everything),
        trial("together: the first containers of a store", first),
    ]
}

fn spawn(host: &Host, arguments: &[&str]) -> Child {
    let mut command = host.home.glassbox([]);
    // What went wrong is to be read where the test has failed.
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// The exit codes of all of them. One that hangs is ended, and the test has failed.
fn codes(children: Vec<Child>) -> Vec<Option<i32>> {
    let begun = std::time::Instant::now();
    let mut codes = vec![];
    for mut child in children {
        let code = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if begun.elapsed() > PATIENCE => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("a command hangs");
                }
                None => std::thread::sleep(std::time::Duration::from_millis(3)),
            }
        };
        codes.push(code);
    }
    codes
}

fn names() {
    let Some(host) = Host::new("one name") else { return };
    for _ in 0..3 {
        let all = (0..5).map(|_| spawn(&host, &["run", "--name", "web", "tiny", "true"])).collect();
        let codes = codes(all);
        assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 125))), "{codes:?}");
        assert_eq!(host.says(&["ps", "-aq"]).lines().count(), 1);
        host.says(&["rm", "web"]);
    }
    assert_eq!(host.left(), Vec::<PathBuf>::new());
}

fn removals() {
    let Some(host) = Host::new("removals") else { return };
    for _ in 0..3 {
        let id = start(&host, &[]);
        let all = (0..4).map(|_| spawn(&host, &["rm", "-f", &id])).collect();
        let codes = codes(all);
        assert!(
            codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 1))),
            "{codes:?}"
        );
        assert_eq!(host.left(), Vec::<PathBuf>::new());
    }
}

fn everything() {
    let Some(host) = Host::new("everything") else { return };
    let id = start(&host, &["--name", "kept"]);
    for _ in 0..3 {
        let mut all: Vec<Child> = vec![];
        all.extend((0..3).map(|_| spawn(&host, &["run", "--rm", "tiny", "true"])));
        all.extend((0..3).map(|_| spawn(&host, &["exec", "kept", "true"])));
        all.extend(
            [&["ps", "-a"][..], &["logs", "kept"], &["inspect", "kept"], &["images"]]
                .map(|args| spawn(&host, args)),
        );
        let codes = codes(all);
        assert!(codes.iter().all(|code| *code == Some(0)), "{codes:?}");
    }
    let all = vec![
        spawn(&host, &["stop", "kept"]),
        spawn(&host, &["wait", "kept"]),
        spawn(&host, &["logs", "-f", "kept"]),
        spawn(&host, &["ps"]),
    ];
    assert_eq!(codes(all), [Some(0); 4]);
    assert_eq!(host.says(&["ps", "-aq", "--no-trunc"]), id);
    eventually("only its record is left", || host.left().len() == 3);
}

fn first() {
    for _ in 0..3 {
        let Some(host) = Host::new("the first containers") else { return };
        for dir in ["containers", "uppers", "names", "merged", "init-layer"] {
            std::fs::remove_dir_all(host.home.state().join(dir)).unwrap();
        }
        let all = (0..4).map(|_| spawn(&host, &["run", "--rm", "tiny", "true"])).collect();
        assert_eq!(codes(all), [Some(0); 4]);
    }
}
