//! What belongs to others, and what only root can make: as root, as an ordinary user, and with one number alone.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::Command;

use libtest_mimic::Trial;

use crate::archive::{Header, Parts, Tar};
use crate::bench::{Bench, text};
use crate::common::{GLASSBOX, finish, has_tool, is_root, skip, trial};
use crate::unpacked::{is_whiteout, load};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("unpacked: devices", devices),
        trial("unpacked: owners", owners),
        trial("unpacked: by users who have one number", one_number),
    ]
}

fn devices() {
    let bench = Bench::new();
    let layer = Tar::new()
        .entry(Header { device: (1, 3), mode: 0o666, ..Header::new(b'3', "dev/null") }, b"")
        .entry(Header { device: (7, 1), ..Header::new(b'4', "dev/loop1") }, b"");
    let said = load(&bench, layer);
    let root = bench.layer("test:1");
    if !is_root() {
        assert_eq!(said, "note: left out: 2 files of devices, which only root can make\n");
        assert_eq!(fs::read_dir(root.join("dev")).unwrap().count(), 0);
        return;
    }
    let null = fs::metadata(root.join("dev/null")).unwrap();
    assert_eq!((null.rdev(), null.permissions().mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
    assert!(fs::metadata(root.join("dev/loop1")).unwrap().file_type().is_block_device());
}

fn owners() {
    let bench = Bench::new();
    let of = |owner, path| Header { owner, ..Header::new(b'0', path) };
    let layer =
        Tar::new().entry(of(0, "root"), b"").entry(of(33, "other"), b"").entry(of(4_000_000_000, "far"), b"");
    let said = load(&bench, layer);
    let root = bench.layer("test:1");
    let owner = |path: &str| fs::metadata(root.join(path)).unwrap().uid();
    if is_root() {
        assert_eq!((said.as_str(), owner("root"), owner("other"), owner("far")), ("", 0, 33, 4_000_000_000));
        return;
    }
    // With ranges in /etc/subuid most owners have a number, and without them none has.
    let own = nix::unistd::getuid().as_raw();
    assert_eq!((owner("root"), owner("far")), (own, own));
    let lost = if owner("other") == own { "2 files" } else { "1 file" };
    assert!(said.starts_with(&format!("note: {lost} of other users belong to root now")), "{said}");
    // What belongs to others can be removed, too.
    bench.glassbox(&["rmi", "test:1"]);
    assert!(!root.exists());
}

/// A user without ranges in /etc/subuid, and root of a user namespace that somebody else has made.
fn one_number() {
    let what = "users who have one number";
    if !is_root() || !has_tool("setpriv", what) || !has_tool("unshare", what) {
        return skip(what, "only root can be anybody");
    }
    const NOBODY_YET: u32 = 61_234;
    let user = NOBODY_YET.to_string();
    let ways: [&[&str]; 2] = [
        &["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "--"],
        &["unshare", "--user", "--map-root-user", "--"],
    ];
    for way in ways {
        let bench = Bench::new();
        let of = |owner, path| Header { owner, ..Header::new(b'0', path) };
        let null = Header { device: (1, 3), ..Header::new(b'3', "null") };
        let layer = Tar::new()
            .entry(of(0, "root"), b"")
            .entry(of(33, "other"), b"")
            .entry(null, b"")
            .file("d/.wh.x", "");
        let archive = bench.file("archive.tar", &Parts::plain(&[layer.end()]).oci("test:1"));
        // Where the program is built, not everybody may look.
        // A process of its own: whatever another test starts meanwhile would have the copy open for writing, too.
        let copied = finish(Command::new("cp").arg(GLASSBOX).arg(bench.path("program")));
        assert_eq!(copied.code, Some(0), "{copied}");
        std::os::unix::fs::chown(bench.home.path(), Some(NOBODY_YET), Some(NOBODY_YET)).unwrap();
        if way[0] == "unshare" {
            std::os::unix::fs::chown(bench.home.path(), Some(0), Some(0)).unwrap();
        }
        let run = |arguments: &[&str]| {
            let program = bench.path("program");
            let mut command = bench.home.command(way[0]);
            command.args(&way[1..]).arg(program).args(arguments).current_dir(bench.home.path());
            finish(&mut command)
        };
        let ran = run(&["load", "-i", text(&archive)]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), "Loaded image: test:1\n"), "{ran}");
        let said = "note: 1 file of other users belong to root now: /etc/subuid and /etc/subgid grant this user no more \
                    numbers\nnote: left out: 1 file of devices, which only root can make\n";
        assert_eq!(ran.err, said);
        let layers = bench.images_dir().join("layers");
        let found = fs::read_dir(layers)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.is_dir())
            .unwrap();
        assert!(is_whiteout(&found.join("d/x")));
        let ran = run(&["rmi", "test:1"]);
        assert!(ran.code == Some(0) && !found.exists(), "{ran}");
    }
}
