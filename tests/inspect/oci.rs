//! Containers of the OCI runtimes, held against the configuration that they were made from.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::agree;
use crate::common::{Home, eventually, finish, has_tool, is_root, text, trial};
use crate::held::{Held, SCRIPT};
use crate::unshared::refused;
use crate::xray::Xray;

pub(crate) fn trials() -> Vec<Trial> {
    ["crun", "runc"]
        .map(|runtime| trial(format!("{runtime}: as its configuration says"), move || as_configured(runtime)))
        .into()
}

/// A root file system whose programs are the machine's: `/usr` is to be mounted from there.
pub(crate) fn root_file_system(dir: &Path) {
    for name in ["usr", "proc", "dev", "tmp"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64", "lib32"] {
        // Where the machine has them joined, as every system of today.
        if fs::read_link(Path::new("/").join(name)).is_ok_and(|target| target.starts_with("usr")) {
            symlink(format!("usr/{name}"), dir.join(name)).unwrap();
        }
    }
}

const CAPABILITIES: [&str; 3] = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_TIME"];
const MEMORY: u64 = 64 << 20;
const PIDS: u64 = 20;
const SHARES: u64 = 512;

fn configuration(name: &str) -> Value {
    let mut namespaces = vec!["pid", "mount", "ipc", "uts", "network"];
    let mut linux = json!({
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_ERRNO"}],
        },
    });
    if is_root() {
        linux["cgroupsPath"] = json!(format!("/{name}/inner"));
        linux["resources"] = json!({
            "memory": {"limit": MEMORY},
            "pids": {"limit": PIDS},
            "cpu": {"quota": 50000, "period": 100000, "shares": SHARES},
        });
    } else {
        namespaces.push("user");
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        linux["uidMappings"] = json!([{"containerID": 0, "hostID": uid, "size": 1}]);
        linux["gidMappings"] = json!([{"containerID": 0, "hostID": gid, "size": 1}]);
    }
    linux["namespaces"] = namespaces.iter().map(|kind| json!({"type": kind})).collect();
    json!({
        "ociVersion": "1.0.2",
        "hostname": "glass",
        "root": {"path": "rootfs", "readonly": false},
        "process": {
            "args": SCRIPT,
            "cwd": "/",
            "env": ["PATH=/usr/bin:/bin"],
            "user": {"uid": 0, "gid": 0},
            "noNewPrivileges": true,
            "capabilities": {
                "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES,
            },
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            {"destination": "/usr", "type": "none", "source": "/usr", "options": ["rbind", "ro"]},
        ],
        "linux": linux,
    })
}

/// A container, and what has to be deleted of it however the test ends.
struct Container {
    runtime: &'static str,
    name: String,
    home: Home,
    held: Option<Held>,
}

impl Container {
    fn start(runtime: &'static str) -> Result<Self, String> {
        let home = Home::new();
        let name = home.name();
        root_file_system(&home.path().join("rootfs"));
        let config = serde_json::to_string_pretty(&configuration(&name)).unwrap();
        fs::write(home.path().join("config.json"), config).unwrap();
        let mut container = Self { runtime, name, home, held: None };
        let mut run = container.command("run");
        run.args(["--bundle", container.home.path().to_str().unwrap(), &container.name]);
        // The runtime says why not on a file of its own.
        let held = Held::start(&mut run)?;
        container.held = Some(held);
        Ok(container)
    }

    /// The runtime with its state in the test's own home.
    fn command(&self, action: &str) -> Command {
        let mut command = self.home.command(self.runtime);
        let state = self.home.path().join("state");
        command.env("XDG_RUNTIME_DIR", self.home.path());
        command.args(["--root", state.to_str().unwrap(), "--log", self.log().to_str().unwrap()]);
        if !is_root() && self.runtime == "crun" {
            command.arg("--cgroup-manager=disabled");
        }
        command.arg(action);
        command
    }

    fn log(&self) -> std::path::PathBuf {
        self.home.path().join("log")
    }

    /// What the runtime itself says of it.
    fn state(&self) -> Value {
        let state = finish(self.command("state").arg(&self.name));
        serde_json::from_str(&state.out).unwrap_or_else(|error| panic!("{error}: {state}"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.held.take());
        finish(self.command("delete").args(["--force", &self.name]));
        crate::held::remove_cgroups(&self.name);
    }
}

fn as_configured(runtime: &'static str) {
    if !has_tool(runtime, runtime) {
        return;
    }
    let container = match Container::start(runtime) {
        Ok(container) => container,
        Err(why) => return refused(runtime, &why),
    };
    // The program can be quicker than the runtime, which still has to note that it runs.
    eventually("it runs", || container.state()["status"] == "running");
    let pid = container.state()["pid"].as_i64().unwrap() as i32;
    let xray = Xray::against(pid, std::process::id() as i32);
    agree::with_the_kernel(&xray, pid);
    agree::with_lsns(&xray, pid);
    let config = configuration(&container.name);
    for namespace in
        xray.0["namespaces"].as_array().unwrap().iter().filter(|namespace| namespace["id"].is_string())
    {
        let kind = match text(&namespace["kind"]).as_str() {
            "mnt" => "mount".to_string(),
            "net" => "network".into(),
            other => other.into(),
        };
        let own = config["linux"]["namespaces"].as_array().unwrap().iter().any(|asked| asked["type"] == kind);
        assert_eq!(namespace["shared"], !own, "{namespace}");
    }
    for set in ["effective", "permitted", "bounding"] {
        assert_eq!(xray.capabilities(set), CAPABILITIES, "{set}");
    }
    let confinement = &xray.0["confinement"];
    assert_eq!((&confinement["seccomp"], &confinement["no_new_privs"]), (&"filter".into(), &true.into()));
    let filters = confinement["seccomp_filters"].as_u64();
    assert!(filters.is_none_or(|count| count >= 1), "{confinement}");
    xray.assert_says("system calls", "contained", "a seccomp filter");
    xray.assert_says("process", "contained", "is number 1 inside");
    xray.assert_says("files", "contained", "a root directory and mounts of its own");
    let mounts = xray.0["files"]["mounts"]["only_here"].to_string();
    assert!(
        ["/proc", "/dev", "/usr"].iter().all(|point| mounts.contains(&format!(r#""point":"{point}""#))),
        "{mounts}"
    );
    if is_root() {
        limits(&xray, &container.name);
        tighter_above(&xray, pid);
        if crate::xray::is_first_user_namespace() {
            xray.assert_says("capabilities", "open", "may set the clock: CAP_SYS_TIME");
        }
    } else {
        let uid = nix::unistd::geteuid().as_raw();
        xray.assert_says("users", "contained", &format!("root inside is user {uid} outside"));
    }
}

fn limits(xray: &Xray, name: &str) {
    let groups = &xray.0["cgroups"];
    for (what, value) in [("memory", MEMORY), ("pids", PIDS), ("cpu", 500)] {
        let limit = &groups[what];
        assert_eq!(
            (&limit["own"]["value"], &limit["effective"]["value"]),
            (&value.into(), &value.into()),
            "{what}: {limit}"
        );
        let file = text(&limit["own"]["file"]);
        assert!(file.contains(name), "{file}");
        // The file that it names says the same.
        let content = fs::read_to_string(&file).unwrap();
        let expected = if what == "cpu" { 50000 } else { value };
        assert_eq!(content.split_whitespace().next(), Some(expected.to_string().as_str()), "{file}");
    }
    let used = groups["memory"]["used"]["value"].as_u64().unwrap();
    assert!(used > 0 && used < MEMORY, "{used}");
    assert_eq!(groups["pids"]["used"]["value"], 1);
    let weight = &groups["cpu_weight"];
    if text(&weight["file"]).ends_with("cpu.shares") {
        assert_eq!(weight["value"], SHARES);
    } else {
        assert!(weight["value"].as_u64().is_some_and(|value| (1..100).contains(&value)), "{weight}");
    }
    xray.assert_says(
        "limits",
        "contained",
        "at most 64 MiB of memory, at most 20 of processes, at most 0.5 CPUs of CPU time",
    );
}

/// The limit that holds is the tightest on the way up, whatever the group itself says.
fn tighter_above(xray: &Xray, pid: i32) {
    const TIGHTER: u64 = 32 << 20;
    let own = text(&xray.0["cgroups"]["memory"]["own"]["file"]);
    let own = Path::new(&own);
    let above = own.parent().unwrap().parent().unwrap().join(own.file_name().unwrap());
    fs::write(&above, TIGHTER.to_string()).unwrap();
    let xray = Xray::of(pid);
    let memory = &xray.0["cgroups"]["memory"];
    // Version 1 says itself what holds: before Linux 5.11 it can be that groups above do not count.
    let stat = fs::read_to_string(own.with_file_name("memory.stat")).unwrap();
    let kernel = stat.lines().find_map(|line| line.strip_prefix("hierarchical_memory_limit ")?.parse().ok());
    let holds = kernel.unwrap_or(TIGHTER);
    assert_eq!(
        (&memory["own"]["value"], &memory["effective"]["value"]),
        (&MEMORY.into(), &holds.into()),
        "{memory}"
    );
    let file = if holds == TIGHTER { &above } else { own };
    assert_eq!(memory["effective"]["file"], file.display().to_string());
    xray.assert_says("limits", "contained", &format!("at most {} MiB of memory", holds >> 20));
}
