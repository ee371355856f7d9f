//! Who is measured.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use glassbox::container::profile;
use glassbox::kernel::arch;
use glassbox::kernel::capability::{self, DOCKER_DEFAULT};
use glassbox::kernel::cgroup::{Hierarchies, Layout};
use serde_json::{Value, json};

use crate::arena::{Arena, IMAGE, run};

/// A command that makes a container and ends with it.
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    /// What there is to know about it.
    pub(crate) title: String,
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    /// What it reads.
    pub(crate) stdin: Option<PathBuf>,
    /// Where version 2 of cgroups is hidden from it, as long as this process lives.
    _namespace: Option<Namespace>,
}

impl Rival {
    fn new(name: &'static str, title: &str, command: &[&str]) -> Self {
        let command = command.iter().map(ToString::to_string).collect();
        Self { name, title: title.into(), command, env: vec![], stdin: None, _namespace: None }
    }
}

/// All that are installed, the floor first. Who is not is named.
pub(crate) fn all(arena: &Arena) -> Vec<Rival> {
    let (floor, filter) = (arena.text("floor"), arena.text("filter"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/floor.c");
    arena.compile(&source, Path::new(&floor));
    let program = profile::filter(profile::DEFAULT, DOCKER_DEFAULT).unwrap();
    let bytes = program.program().iter().flat_map(|step| {
        let [low, high] = step.code.to_ne_bytes();
        [low, high, step.jt, step.jf].into_iter().chain(step.k.to_ne_bytes())
    });
    std::fs::write(&filter, bytes.collect::<Vec<u8>>()).unwrap();
    std::fs::create_dir(arena.path("floor.d")).unwrap();
    let (layers, root) = (arena.text("floor.d"), arena.text("rootfs"));
    let id = std::process::id().to_string();

    let mut rivals = vec![Rival::new("floor", "floor", &[&floor, "run", &layers, &root, &filter, &id])];
    let flags = ["run", "--rm", "--memory", "64m", "--pids-limit", "64", IMAGE, "/bin/true"];
    let mut glassbox =
        Rival::new("glassbox", "glassbox run --rm", &[&[&*arena.text("installed")], &flags[..]].concat());
    glassbox.env.push(("XDG_STATE_HOME", arena.path("").to_str().unwrap().into()));
    rivals.push(glassbox);
    for (name, flags) in [("crun", &["--cgroup-manager=cgroupfs"][..]), ("runc", &[])] {
        if is_installed(name) {
            rivals.push(oci(arena, name, flags, &floor));
        }
    }
    if is_installed("bwrap") {
        let bind = ["--bind", &root, "/", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/sys", "/sys"];
        let apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"];
        let rest = ["--cap-drop", "ALL", "--seccomp", "0", "/bin/true"];
        let command = [&["bwrap"], &apart[..], &bind[..], &rest[..]].concat();
        let mut bwrap = Rival::new("bwrap", "bwrap, no limits, no overlay", &command);
        bwrap.stdin = Some(filter.into());
        rivals.push(bwrap);
    }
    rivals
}

fn is_installed(name: &str) -> bool {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("{name} is not installed and left out");
    }
    found.is_ok()
}

/// A runtime that wants a bundle, and its root file system ready: the floor's program makes the overlay around it.
fn oci(arena: &Arena, name: &'static str, flags: &[&str], floor: &str) -> Rival {
    let (bundle, layers) = (arena.text(&format!("{name}.bundle")), arena.text(&format!("{name}.d")));
    std::fs::create_dir(&layers).unwrap();
    std::fs::create_dir(&bundle).unwrap();
    run(Command::new("runc").args(["spec", "-b", &bundle]).stdin(Stdio::null()));
    let file = Path::new(&bundle).join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let kept = capability::names(DOCKER_DEFAULT);
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["/bin/true"]);
    config["process"]["capabilities"] = json!({ "bounding": kept, "effective": kept, "permitted": kept });
    config["root"] = json!({ "path": format!("{layers}/merged"), "readonly": false });
    config["linux"]["cgroupsPath"] = json!(format!("/glassbox-bench-{}-{name}", std::process::id()));
    config["linux"]["resources"] = json!({ "memory": { "limit": 64 << 20 }, "pids": { "limit": 64 } });
    config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": [format!("SCMP_ARCH_{}", arch::HERE.name.to_uppercase())],
        "syscalls": [{ "names": profile::allowed().unwrap(), "action": "SCMP_ACT_ALLOW" }],
    });
    std::fs::write(file, config.to_string()).unwrap();

    // crun takes no mixture of the versions of cgroups in which version 2 has a controller.
    let mixed = Hierarchies::detect().is_ok_and(|hierarchies| hierarchies.layout() == Layout::Mixed);
    let namespace = mixed.then(Namespace::without_v2);
    let file = namespace.as_ref().map_or_else(|| "-".into(), Namespace::file);
    let id = format!("glassbox-bench-{name}");
    let around = [floor, "layered", &layers, &arena.text("rootfs"), &file, "--", name];
    let command = [&around[..], flags, &["run", "-b", &bundle, &id]].concat();
    let title = format!("{name}, overlay around it");
    Rival { _namespace: namespace, ..Rival::new(name, &title, &command) }
}

/// A mount namespace in which nothing is to be seen of version 2, and the process that keeps it.
struct Namespace(Child);

impl Namespace {
    fn without_v2() -> Self {
        let hide = "mount -t tmpfs -o size=1m none /sys/fs/cgroup/unified && echo ready && read -r line";
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "--propagation", "private", "sh", "-c", hide]);
        let mut keeper = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(keeper)
    }

    fn file(&self) -> String {
        format!("/proc/{}/ns/mnt", self.0.id())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
