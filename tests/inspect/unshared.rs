//! Containers made by `unshare(1)` and by bubblewrap.

use std::process::Command;

use libtest_mimic::Trial;

use crate::agree;
use crate::common::{finish, has_tool, is_root, skip, trial};
use crate::held::{Held, SCRIPT};
use crate::xray::Xray;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a process of the host", plain),
        trial("unshare: some namespaces", some_namespaces),
        trial("unshare: users", users),
        trial("unshare: a changed root", changed_root),
        trial("setpriv: capabilities", capabilities),
        trial("bwrap", bubblewrap),
        trial("two containers against each other", against),
        trial("mounts that spread", propagation),
        trial("a name with control codes", control_codes),
    ]
}

/// Start it; says why not, if this user may not make such a one.
pub(crate) fn start(what: &str, program: &str, arguments: &[&str]) -> Option<Held> {
    if !has_tool(program, what) {
        return None;
    }
    let mut command = Command::new(program);
    match Held::start(command.args(arguments).args(SCRIPT)) {
        Ok(held) => Some(held),
        Err(why) => {
            refused(what, &why);
            None
        }
    }
}

/// A container that did not start: only for a good reason.
pub(crate) fn refused(what: &str, why: &str) {
    if why.contains("hybrid mode not supported") {
        return skip(what, why); // crun, where both versions of cgroups are in use
    }
    let namespaces = finish(Command::new("unshare").args(["-Ur", "true"]));
    assert!(namespaces.code != Some(0) && !is_root(), "{what}: {why}");
    skip(what, "this user may not make user namespaces");
}

/// With a user namespace where that is what it takes.
fn unshare(what: &str, arguments: &[&str]) -> Option<Held> {
    let user: &[&str] = if is_root() { &[] } else { &["-Ur"] };
    start(what, "unshare", &[user, arguments].concat())
}

fn plain() {
    let held = Held::start(Command::new(SCRIPT[0]).args(&SCRIPT[1..])).unwrap();
    let xray = Xray::against(held.pid(), std::process::id() as i32);
    agree::with_the_kernel(&xray, held.pid());
    for namespace in xray.0["namespaces"].as_array().unwrap() {
        assert_ne!(namespace["shared"], false, "{namespace}");
    }
    xray.assert_says("namespaces", "open", "shares with process");
    xray.assert_says("files", "open", "sees the files of process");
    xray.assert_says("process", "open", "can name all of them");
    for only in ["only_here", "only_there"] {
        assert_eq!(xray.0["files"]["mounts"][only].as_array().map(Vec::len), Some(0), "{only}");
    }
    assert!(matches!(xray.0["total"]["degree"].as_str(), Some("open" | "partly")), "{}", xray.0["total"]);
}

fn some_namespaces() {
    let Some(held) = unshare("unshare", &["-u", "-n", "-p", "-f", "--kill-child"]) else { return };
    let xray = Xray::against(held.inside(), std::process::id() as i32);
    agree::with_the_kernel(&xray, held.inside());
    agree::with_lsns(&xray, held.inside());
    for (kind, shared) in
        [("uts", false), ("net", false), ("pid", false), ("mnt", true), ("ipc", true), ("cgroup", true)]
    {
        assert_eq!(xray.namespace(kind)["shared"], shared, "{kind}");
    }
    xray.assert_says("namespaces", "partly", "has of its own: host name, process numbers, network");
    xray.assert_says("process", "contained", "is number 1 inside");
    let own = format!("{} is number 1 inside", held.inside());
    xray.assert_says("process", "contained", &own);
}

fn users() {
    let Some(held) = start("user namespace", "unshare", &["-U", "-r"]) else { return };
    let xray = Xray::against(held.inside(), std::process::id() as i32);
    agree::with_the_kernel(&xray, held.inside());
    let uid = nix::unistd::geteuid().as_raw();
    assert_eq!(xray.0["users"]["uid_map"], serde_json::json!([{"inside": 0, "outside": uid, "count": 1}]));
    assert_eq!(xray.0["users"]["root_is"], uid);
    let degree = if uid == 0 { "partly" } else { "contained" };
    xray.assert_says("users", degree, &format!("root inside is user {uid} outside"));
    xray.assert_says("capabilities", "contained", "only over what its own user namespace owns");
    assert_eq!(xray.0["capabilities"]["over_the_machine"], false);
}

fn changed_root() {
    if !is_root() {
        return skip("a changed root", "chroot wants root");
    }
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    crate::oci::root_file_system(dir.path());
    // The programs come from the machine: a mount namespace of its own keeps the mount from the machine.
    let root = dir.path().to_str().unwrap();
    let script = format!("mount --rbind /usr {root}/usr && exec chroot {root} \"$@\"");
    let Some(held) = start("chroot", "unshare", &["-m", "sh", "-c", &script, "sh"]) else { return };
    let xray = Xray::of(held.inside());
    agree::with_the_kernel(&xray, held.inside());
    assert_eq!(xray.0["files"]["root"]["same_directory"], false);
    assert_eq!(xray.0["files"]["mounts"]["root"], serde_json::Value::Null, "a directory, and no mount");
    xray.assert_says("files", "contained", "a root directory and mounts of its own");
}

fn capabilities() {
    let keep = "-all,+chown,+kill,+sys_module";
    let arguments: &[&str] = if is_root() { &[] } else { &["-Ur"] };
    let set = ["setpriv", "--bounding-set", keep, "--inh-caps=-all", "--no-new-privs"];
    let Some(held) = start("capabilities", "unshare", &[arguments, &set].concat()) else { return };
    let xray = Xray::of(held.inside());
    agree::with_the_kernel(&xray, held.inside());
    for set in ["effective", "permitted", "bounding"] {
        assert_eq!(xray.capabilities(set), ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_MODULE"], "{set}");
    }
    if is_root() && crate::xray::is_first_user_namespace() {
        xray.assert_says("capabilities", "open", "may load modules: CAP_SYS_MODULE");
    }
    assert_eq!(xray.0["confinement"]["no_new_privs"], true);
    xray.assert_says(
        "system calls",
        if xray.0["confinement"]["seccomp"] == "filter" { "contained" } else { "partly" },
        "gains no privileges",
    );
}

const BWRAP: [&str; 14] = [
    "--unshare-all",
    "--die-with-parent",
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
    "--hostname",
    "glass",
    "--cap-drop",
    "ALL",
    "--",
];

fn bubblewrap() {
    let Some(held) = start("bwrap", "bwrap", &BWRAP) else { return };
    let xray = Xray::against(held.inside(), std::process::id() as i32);
    agree::with_the_kernel(&xray, held.inside());
    agree::with_lsns(&xray, held.inside());
    for kind in ["mnt", "uts", "ipc", "pid", "net", "cgroup"] {
        assert_eq!(xray.namespace(kind)["shared"], false, "{kind}");
    }
    // The first process of a bubblewrap is its own.
    xray.assert_says("process", "contained", "is number 2 inside");
    let here = xray.0["files"]["mounts"]["only_here"].to_string();
    assert!(here.contains(r#""point":"/tmp""#) && here.contains(r#""point":"/proc""#), "{here}");
    assert_eq!(xray.capabilities("effective"), Vec::<String>::new());
    assert_eq!(xray.0["confinement"]["no_new_privs"], true);
    xray.assert_says("capabilities", "contained", "has none");
}

fn against() {
    let what = "two containers";
    let Some(first) = unshare(what, &["-n", "-u"]) else { return };
    // The second one in the network of the first, and nothing else of it.
    let target = first.inside().to_string();
    let user: &[&str] = if is_root() { &[] } else { &["-U", "--preserve-credentials"] };
    let arguments = [&["-t", &target, "-n"], user, &["unshare", "-u"]].concat();
    let Some(second) = start(what, "nsenter", &arguments) else { return };
    let xray = Xray::against(second.inside(), first.inside());
    assert_eq!(
        (xray.0["compared_with"]["pid"].as_i64(), &xray.0["compared_with"]["role"]),
        (Some(first.inside().into()), &"process".into())
    );
    assert_eq!(
        (&xray.namespace("net")["shared"], &xray.namespace("uts")["shared"]),
        (&true.into(), &false.into())
    );
    let (degree, sentence) = xray.verdict("namespaces");
    assert!(
        degree == "partly" && sentence.starts_with(&format!("shares with process {}: ", first.inside())),
        "{sentence}"
    );
    assert!(sentence.ends_with("has of its own: host name"), "{sentence}");
    let members = &xray.namespace("net")["members"];
    assert_eq!(
        (&members["count"], &members["first"][0]["pid"]),
        (&1.into(), &first.inside().into()),
        "{members}"
    );
}

/// What is mounted outside can appear inside, or both ways.
fn propagation() {
    let what = "mounts that spread";
    let shared = ["sh", "-c", "mount --make-rshared / && exec \"$@\"", "sh"];
    let Some(outer) = unshare(what, &[&["-m"][..], &shared].concat()) else { return };
    let target = outer.inside().to_string();
    let user: &[&str] = if is_root() { &[] } else { &["-U", "--preserve-credentials"] };
    for (propagation, said) in [
        ("slave", "mounts below / appears in it"),
        ("unchanged", "what is mounted in one appears in the other, below /"),
        ("private", "has mounts of its own, on the root directory of process"),
    ] {
        let inner = ["unshare", "-m", "--propagation", propagation];
        let Some(inner) = start(what, "nsenter", &[&["-t", &target, "-m"], user, &inner].concat()) else {
            return;
        };
        let xray = Xray::against(inner.inside(), outer.inside());
        agree::with_the_kernel(&xray, inner.inside());
        xray.assert_says("files", "partly", said);
        let counts = &xray.0["files"]["mounts"]["propagation"];
        let (kind, none) = match propagation {
            "slave" => ("slave", "private"),
            "unchanged" => ("shared", "private"),
            _ => ("private", "slave"),
        };
        assert_eq!(
            (&counts[kind], &counts[none]),
            (&xray.0["files"]["mounts"]["count"], &0.into()),
            "{counts}"
        );
        if propagation == "private" {
            assert!(!xray.verdict("files").1.contains("appears in"), "{counts}");
        }
    }
}

/// What a process calls itself must not steer the terminal.
fn control_codes() {
    let mut command = Command::new("sh");
    command.args(["-c", "printf '\\033[31mred\\nred' >/proc/$$/comm; echo ready; read end", "\u{1b}[31m"]);
    let held = Held::start(&mut command).unwrap();
    let ran = crate::xray::inspect(&[&held.pid().to_string()]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(!ran.out.contains('\u{1b}') && ran.out.contains("?[31mred?red"), "{ran}");
}
