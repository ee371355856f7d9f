//! `diff` and `commit`: what a container has changed, and an image of it.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::killed::killed;
use crate::common::{eventually, has_tool, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("changes: diff: what a container has changed", diff),
        trial("changes: commit: an image of a container that has ended", commit),
        trial("changes: commit: a container that runs goes on", running),
        trial("changes: commit, killed at its steps", killed_at_steps),
    ]
}

const CHANGES: &str =
    "echo hello > /etc/motd; rm /etc/group; mkdir -p /new/dir; echo x >> /etc/hosts; echo y > /data/file";

fn diff() {
    let Some(host) = Host::new("diff") else { return };
    let ran = host.glassbox(&["run", "--name", "web", "--tmpfs", "/data", "tiny", "sh", "-c", CHANGES]);
    assert_eq!(ran.code, Some(0), "{ran}");
    let expected = "C /etc\nD /etc/group\nA /etc/motd\nA /new\nA /new/dir\n";
    let ran = host.glassbox(&["diff", "web"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), expected), "{ran}");
    assert_eq!(host.glassbox(&["run", "--name", "idle", "tiny", "true"]).code, Some(0));
    assert_eq!(host.glassbox(&["diff", "idle"]).out, "", "nothing of what makes it work is its own");
    let ran = host.glassbox(&["diff", "nobody"]);
    assert!(
        ran.code == Some(1) && ran.err.starts_with("error: there is no container \"nobody\"\nhint: "),
        "{ran}"
    );
    host.glassbox(&["rm", "web", "idle"]);
}

fn commit() {
    let Some(host) = Host::new("commit") else { return };
    host.glassbox(&["run", "--name", "web", "-e", "A=b", "--tmpfs", "/data", "tiny", "sh", "-c", CHANGES]);
    let made =
        host.glassbox(&["commit", "-a", "me", "-m", "for a test", "-c", "CMD cat /etc/motd", "web", "web:2"]);
    assert_eq!(made.code, Some(0), "{made}");
    assert_eq!(host.glassbox(&["rm", "web"]).code, Some(0));
    let id = host.glassbox(&["images", "-q", "--no-trunc", "web"]).out;
    assert_eq!(made.out, id);
    assert_eq!(host.glassbox(&["run", "--rm", "web:2"]).out, "hello\n");
    assert_eq!(
        host.glassbox(&["run", "--rm", "web:2", "sh", "-c", "echo $A; ls /etc/group /data /new"]).out,
        "b\n/new:\ndir\n"
    );
    assert!(host.glassbox(&["history", "web:2"]).out.contains("for a test"));
    let ran = host.glassbox(&["commit", "-c", "RUN make", "nobody", "x"]);
    assert!(ran.code == Some(1) && ran.err.contains("there is no container"), "{ran}");
    host.glassbox(&["rmi", "web:2"]);
}

fn running() {
    let Some(host) = Host::new("commit of a running one") else { return };
    let ran =
        host.glassbox(&["run", "-d", "--name", "web", "tiny", "sh", "-c", "echo on > /state; sleep 1000"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    eventually("it has written", || host.glassbox(&["diff", "web"]).out.contains("A /state"));
    let pauses = host.glassbox(&["pause", "web"]).code == Some(0);
    if pauses {
        assert_eq!(host.glassbox(&["unpause", "web"]).code, Some(0));
    }
    let pause = format!("--pause={pauses}");
    let ran = host.glassbox(&["commit", &pause, "web", "web:live"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(host.glassbox(&["run", "--rm", "web:live", "cat", "/state"]).out, "on\n");
    // It runs as it did before.
    assert!(host.glassbox(&["ps", "--format", "{{.Status}}"]).out.starts_with("Up"));
    assert_eq!(host.glassbox(&["exec", "web", "true"]).code, Some(0));
    assert_eq!(host.glassbox(&["rm", "-f", "web"]).code, Some(0));
}

fn killed_at_steps() {
    if !has_tool("strace", "a commit that is killed") {
        return;
    }
    let Some(host) = Host::new("a commit that is killed") else { return };
    host.says(&["run", "--name", "web", "tiny", "sh", "-c", "echo hello > /state"]);
    let mut kills = 0;
    for step in ["?rename,?renameat,renameat2", "?mkdir,mkdirat", "syncfs", "flock", "ftruncate"] {
        for number in 1.. {
            if !killed(&host, &["commit", "web", "web:2"], step, number, false) {
                break;
            }
            kills += 1;
            let what = format!("killed at {step} number {number}");
            host.says(&["images"]);
            let tmp = host.home.state().join("images/tmp");
            assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "{what}");
            host.says(&["commit", "web", "web:2"]);
            assert_eq!(host.says(&["run", "--rm", "web:2", "cat", "/state"]), "hello", "{what}");
            host.says(&["rmi", "web:2"]);
        }
    }
    assert!(kills > 8, "it was killed {kills} times");
}
