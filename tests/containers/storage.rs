//! Storage drivers: a container sees and changes the same files with each of them.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{Ran, finish, has_tool, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("storage: overlay", || with_driver("overlay")),
        trial("storage: vfs", || with_driver("vfs")),
        trial("storage: btrfs, on a file system in a file", btrfs),
        trial("storage: btrfs, where there is none", no_btrfs),
    ]
}

/// What is done with each driver; what it writes has to be the same.
const SCRIPT: &str = r#"set -e
change='echo hello > /etc/motd; rm /etc/group; mkdir -p /new/dir; rm -r /root; mkdir /home; echo x >> /etc/hosts; echo y > /data/file'
$glassbox run --storage-driver "$DRIVER" --name web --tmpfs /data tiny sh -c "$change; cat /etc/motd; ls /"
$glassbox run --storage-driver "$DRIVER" --name other --hostname other tiny sh -c 'ls /etc; ls -d /root; cat /etc/hostname'
$glassbox diff web
echo "other: $($glassbox diff other)"
$glassbox commit -c 'CMD cat /etc/motd' web web:2 > /dev/null
$glassbox run --rm --storage-driver "$DRIVER" web:2
$glassbox run --rm web:2 sh -c 'ls -d /home /new/dir; ls /etc'
$glassbox rm web other
$glassbox ps -a --format '{{.Names}}'
"#;

fn run(host: &Host, driver: &str) -> Ran {
    finish(host.home.script(SCRIPT).env("DRIVER", driver))
}

const SEEN: &str = "C /etc\nD /etc/group\nA /etc/motd\nA /home\nA /new\nA /new/dir\nD /root\nother: \nhello\n/home\n/new/dir\n";

fn check(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.out.contains("hello\nbin\n"), "{ran}");
    assert!(ran.out.contains(SEEN), "{ran}");
    assert!(
        ran.out.contains("\n/root\nother\n"),
        "one container does not see what the other one does: {ran}"
    );
}

fn with_driver(driver: &str) {
    let Some(host) = Host::new("storage drivers") else { return };
    check(&run(&host, driver));
    assert_eq!(host.left(), Vec::<std::path::PathBuf>::new());
}

fn btrfs() {
    const WHAT: &str = "the storage driver btrfs";
    if !is_root() {
        return skip(WHAT, "only root can mount a file system in a file");
    }
    let Some(host) = Host::new(WHAT) else { return };
    if !["mkfs.btrfs", "unshare"].iter().all(|tool| has_tool(tool, WHAT)) {
        return;
    }
    // The mount goes with its namespace, and the loop device with the mount.
    let script = format!(
        "dir=\"$XDG_STATE_HOME/btrfs\"; mkdir \"$dir\"; truncate -s 300M \"$dir.image\"
        mkfs.btrfs -q \"$dir.image\" && mount -t btrfs -o loop \"$dir.image\" \"$dir\" || exit 77
        export XDG_STATE_HOME=\"$dir\"; DRIVER=btrfs
        {SCRIPT}
        echo \"uppers: $(ls \"$dir/glassbox/uppers\")\"; echo \"bases: $(ls \"$dir/glassbox/bases\" | wc -l)\"
        $glassbox prune -a -f > /dev/null; echo \"left: $(ls \"$dir/glassbox/bases\")\""
    );
    let mut command = host.home.command("unshare");
    command.env("glassbox", crate::common::GLASSBOX).args(["--mount", "sh", "-c", &script]);
    let ran = finish(&mut command);
    if ran.code == Some(77) {
        return skip(
            WHAT,
            format!("it cannot be mounted here: {}", ran.err.lines().last().unwrap_or_default()),
        );
    }
    check(&ran);
    assert!(ran.out.ends_with("uppers: \nbases: 2\nleft: \n"), "{ran}");
}

fn no_btrfs() {
    let Some(host) = Host::new("the storage driver btrfs") else { return };
    if std::process::Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(host.home.path())
        .output()
        .is_ok_and(|said| said.stdout.starts_with(b"btrfs"))
    {
        return skip("btrfs, where there is none", "this is btrfs");
    }
    let ran = host.glassbox(&["run", "--rm", "--storage-driver", "btrfs", "tiny", "true"]);
    assert_eq!(ran.code, Some(125), "{ran}");
    assert!(ran.err.contains(" is not on btrfs, and only that has snapshots\nhint: "), "{ran}");
    assert_eq!(host.left(), Vec::<std::path::PathBuf>::new());
    let ran = host.glassbox(&["run", "--storage-driver", "zfs", "tiny", "true"]);
    assert!(ran.code == Some(125) || ran.code == Some(2), "{ran}");
}
