//! What a container sees, and what it may use.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{is_root, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("inside: namespaces of its own", namespaces),
        trial("inside: volumes and file systems in memory", volumes),
        trial("inside: volumes stay inside", links),
        trial("inside: limits", limits),
        trial("inside: the host's network", network),
        trial("inside: capabilities and filter", security),
    ]
}

fn namespaces() {
    let Some(host) = Host::new("namespaces") else { return };
    let kinds = "mnt uts ipc pid net cgroup";
    let script = format!(
        "for kind in {kinds}; do stat -L -c %i /proc/self/ns/$kind; done; echo $$; echo /proc/[0-9]*"
    );
    let ran = host.shell(&[], &script);
    let mut lines = ran.out.lines();
    for (kind, inode) in kinds.split(' ').zip(&mut lines) {
        let ours = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert!(!ours.to_string_lossy().contains(inode), "{kind}: {ran}");
    }
    assert_eq!(lines.next(), Some("1"), "{ran}");
    assert!(lines.next().is_some_and(|processes| processes.starts_with("/proc/1")), "{ran}");
    // Nothing of the host is mounted any more, and its group is the root.
    let ran = host.shell(&[], "cat /proc/self/mountinfo /proc/self/cgroup");
    let foreign = ran.out.lines().filter(|line| line.contains(" - ext4 ") || line.contains("/..")).count();
    assert_eq!(foreign, 0, "{ran}");
}

fn volumes() {
    let Some(host) = Host::new("volumes") else { return };
    let (dir, file) = (host.home.path().join("dir"), host.home.path().join("file"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&file, "content\n").unwrap();
    let (dir, file) = (dir.to_str().unwrap(), file.to_str().unwrap());
    let flags = [
        "-v",
        &format!("{dir}:/rw"),
        "-v",
        &format!("{dir}:/deep/down/ro:ro"),
        "--mount",
        &format!("type=bind,source={file},target=/etc/own"),
        "--tmpfs",
        "/mem:size=1m",
    ];
    let script = "echo a > /rw/a; cat /deep/down/ro/a /etc/own; echo b > /deep/down/ro/b; echo c > /mem/c && df /mem | grep -c 1024";
    let ran = host.shell(&flags, script);
    assert_eq!(ran.out, "a\ncontent\n1\n", "{ran}");
    assert!(ran.err.contains("Read-only file system"), "{ran}");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 1);
    let ran = host.shell(&["--read-only", "--tmpfs", "/tmp"], "echo > /x; echo a > /tmp/a && cat /tmp/a");
    assert_eq!(ran.out, "a\n", "{ran}");
    assert!(ran.err.contains("Read-only file system"), "{ran}");
}

/// A link in a volume, or in an image, that leads out of the container, leads to the same path inside of it.
fn links() {
    let Some(host) = Host::new("links") else { return };
    let outside = host.home.path().join("outside");
    let planted = host.home.path().join("planted");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(&planted).unwrap();
    std::os::unix::fs::symlink(&outside, planted.join("link")).unwrap();
    let up = format!("../../../../../..{}", outside.display());
    std::os::unix::fs::symlink(up, planted.join("up")).unwrap();
    let volume = format!("{}:/planted", planted.display());
    for link in ["link", "up"] {
        let below = format!("/planted/{link}/made");
        let ran =
            host.shell(&["-v", &volume, "--tmpfs", &below], &format!("ls -d {}/made", outside.display()));
        // Inside, the link leads to nothing.
        assert_eq!(ran.code, Some(125), "{ran}");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "{ran}");
    }
}

fn limits() {
    let Some(host) = Host::new("limits") else { return };
    if !host.has_limits("limits") {
        return;
    }
    let flags = ["--memory", "64m", "--pids-limit", "20", "--cpus", "0.5"];
    let script =
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do sleep 60 & done; echo all";
    let ran = host.shell(&flags, script);
    assert!(ran.all().to_lowercase().contains("fork"), "{ran}");
    // More than it may have: the kernel ends it, and says why. The shell keeps all of it in one variable.
    let script = "a=0123456789abcdef; while :; do a=$a$a; done";
    let run = ["run", "--name", "greedy", "--memory", "16m", "tiny", "sh", "-c", script];
    assert_eq!(host.glassbox(&run).code, Some(137));
    assert_eq!(crate::common::host::groups_of(&host), Vec::<std::path::PathBuf>::new());
}

fn network() {
    let Some(host) = Host::new("network") else { return };
    let names = |flags: &[&str]| {
        let ran = host.shell(flags, "cat /proc/net/dev | grep : | wc -l");
        ran.out.trim().parse::<usize>().unwrap_or_else(|_| panic!("{ran}"))
    };
    assert_eq!(names(&["--net", "none"]), 1);
    let ours = std::fs::read_to_string("/proc/self/net/dev").unwrap();
    let ours = ours.lines().filter(|line| line.contains(':')).count();
    assert_eq!(names(&["--net", "host"]), ours);
    let ran = host.shell(&[], "cat /sys/class/net/lo/flags");
    assert_eq!(ran.out.trim(), "0x9", "the loopback is up: {ran}");
}

fn security() {
    let Some(host) = Host::new("security") else { return };
    let script = "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status";
    let fields = |flags: &[&str]| {
        let ran = host.shell(flags, script);
        ran.out.lines().map(|line| line.split('\t').nth(1).unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&[]), ["00000000a80425fb", "00000000a80425fb", "1", "2"]);
    let unconfined = ["--security-opt", "seccomp=unconfined", "--cap-drop", "ALL", "--cap-add", "CHOWN"];
    let seccomp = if glassbox::probe::around::has_filter() { "2" } else { "0" };
    assert_eq!(fields(&unconfined), ["0000000000000001", "0000000000000001", "1", seccomp]);
    let ran = host.shell(&[], "mount -t tmpfs tmpfs /tmp; hostname other; echo 1 > /proc/sys/vm/drop_caches");
    assert_eq!(ran.code, Some(2), "{ran}");
    if is_root() {
        let ran =
            host.shell(&[], "echo core > /proc/sys/kernel/core_pattern; cat /proc/keys /proc/interrupts");
        assert!(ran.err.contains("Read-only file system") && ran.out.is_empty(), "{ran}");
    }
}
