//! A container of podman, from a root file system of the machine's own programs: nothing is downloaded.

use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::agree;
use crate::common::{Home, finish, has_tool, is_root, text, trial};
use crate::held::{Held, SCRIPT, remove_cgroups};
use crate::oci::root_file_system;
use crate::unshared::refused;
use crate::xray::Xray;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("podman: as it describes itself", as_described)]
}

const NAME: &str = "glassbox-test";

struct Podman {
    home: Home,
    held: Option<Held>,
}

impl Podman {
    fn command(&self) -> Command {
        let mut command = self.home.command("podman");
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.env("CONTAINERS_CONF", self.home.path().join("containers.conf"));
        command.args(["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none"]);
        command.arg(format!("--runtime-flag=root={}", self.home.path().join("runtime").display()));
        for (option, dir) in [("--root", "images"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.home.path().join(dir));
        }
        // crun does not run on every cgroup layout that podman runs on.
        if crate::common::find_tool("runc").is_some() {
            command.args(["--runtime", "runc"]);
        }
        command
    }

    fn start() -> Result<Self, String> {
        let mut podman = Self { home: Home::new(), held: None };
        // Otherwise its locks are in a memory that it shares with this user's own podman.
        let settings = podman.home.path().join("containers.conf");
        std::fs::write(settings, "[engine]\nlock_type = \"file\"\n").unwrap();
        let root = podman.home.path().join("rootfs");
        root_file_system(&root);
        let mut run = podman.command();
        // Limits of resources that every user may set: podman's own can be above what this one has.
        run.args(["run", "--rm", "--interactive", "--name", NAME, "--network", "none"]);
        run.args(["--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512", "--hostname", "glass"]);
        run.args(["--volume", "/usr:/usr:ro"]);
        if is_root() {
            run.args([
                "--cgroup-parent",
                &format!("/{}", podman.home.name()),
                "--memory",
                "64m",
                "--pids-limit",
                "20",
            ]);
        }
        run.arg("--rootfs").arg(&root).args(SCRIPT);
        podman.held = Some(Held::start(&mut run)?);
        Ok(podman)
    }

    /// What podman itself says of the container.
    fn describe(&self) -> Value {
        let ran = finish(self.command().args(["container", "inspect", NAME]));
        let all: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"));
        all[0].clone()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        drop(self.held.take());
        finish(self.command().args(["rm", "--force", "--time", "0", "--ignore", NAME]));
        // Without root it keeps a process for the user namespace, and files of that namespace's users.
        if !is_root() {
            finish(self.command().args(["unshare", "rm", "-rf"]).arg(self.home.path().join("images")));
            finish(self.command().args(["system", "migrate"]));
        }
        remove_cgroups(&self.home.name());
    }
}

fn as_described() {
    let what = "podman";
    if !has_tool(what, what) || (!is_root() && !has_tool("newuidmap", what)) {
        return;
    }
    let podman = match Podman::start() {
        Ok(podman) => podman,
        Err(why) => return refused(what, &why),
    };
    let described = podman.describe();
    let pid = described["State"]["Pid"].as_i64().unwrap() as i32;
    let xray = Xray::against(pid, std::process::id() as i32);
    agree::with_the_kernel(&xray, pid);
    agree::with_lsns(&xray, pid);
    for kind in ["mnt", "uts", "ipc", "pid", "net"] {
        assert_eq!(xray.namespace(kind)["shared"], false, "{kind}");
    }
    assert_eq!(xray.namespace("user")["shared"], is_root());
    for (set, theirs) in [("effective", "EffectiveCaps"), ("bounding", "BoundingCaps")] {
        let mut names: Vec<String> = described[theirs].as_array().unwrap().iter().map(text).collect();
        names.sort();
        assert_eq!(xray.capabilities(set), names, "{set}");
    }
    xray.assert_says("capabilities", "contained", "docker's");
    xray.assert_says("system calls", "contained", "a seccomp filter");
    xray.assert_says("files", "contained", "a root directory and mounts of its own");
    if is_root() {
        let memory = &xray.0["cgroups"]["memory"]["own"];
        assert_eq!(memory["value"], described["HostConfig"]["Memory"], "{memory}");
        assert_eq!(xray.0["cgroups"]["pids"]["own"]["value"], described["HostConfig"]["PidsLimit"]);
        xray.assert_says("users", "open", "runs as user 0");
    } else {
        let uid = nix::unistd::geteuid().as_raw();
        xray.assert_says("users", "contained", &format!("root inside is user {uid} outside"));
    }
}
