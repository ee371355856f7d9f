//! What is carried into every machine: glassbox, its tests, the guest's scripts, and a container of another
//! runtime's. All of it on one disk.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::apt::{self, Result, command, output};
use super::common::GLASSBOX;
use super::processor;

/// The suites that are run in the machines.
const SUITES: [&str; 3] = ["labs", "no_trace", "transcripts"];

pub(crate) struct Payload {
    dir: tempfile::TempDir,
}

impl Payload {
    pub(crate) fn disk(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    /// Put it together.
    pub(crate) fn pack() -> Result<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let payload = Self { dir: apt::workshop()? };
        let root = payload.dir.path().join("root");
        let programs = [vec![("glassbox".to_string(), GLASSBOX.into())], suites()?].concat();
        let fill = || -> std::io::Result<()> {
            // Programs know where they and their snapshots are: they are put at the same places.
            let mut script = String::new();
            for (name, path) in &programs {
                carry(path, &root.join("files"))?;
                script.push_str(&format!("{name}='{}'\n", path.display()));
            }
            let snapshots = project.join("tests/snapshots");
            script.push_str(&format!(
                "project='{}' snapshots='{}'\n",
                project.display(),
                snapshots.display()
            ));
            for file in fs::read_dir(&snapshots)? {
                carry(&file?.path(), &root.join("files"))?;
            }
            fs::create_dir_all(root.join("guest"))?;
            for file in fs::read_dir(project.join("tests/machines/guest"))? {
                let file = file?;
                fs::copy(file.path(), root.join("guest").join(file.file_name()))?;
            }
            fs::write(root.join("guest/programs.sh"), script)?;
            for (name, filtered) in [("container.json", true), ("container-unfiltered.json", false)] {
                fs::write(root.join("guest").join(name), container(filtered).to_string())?;
            }
            fs::File::create(payload.disk())?.set_len(512 << 20)
        };
        fill().map_err(|error| format!("the payload: {error}"))?;
        let mut pack = command("mke2fs");
        pack.args([
            "-q",
            "-F",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1",
            "-d",
        ]);
        output(pack.arg(&root).arg(payload.disk()))?;
        fs::remove_dir_all(root).map_err(|error| error.to_string())?;
        Ok(payload)
    }
}

/// Copy a file to the same place below another root.
fn carry(path: &Path, root: &Path) -> std::io::Result<()> {
    let to = root.join(path.strip_prefix("/").unwrap_or(path));
    fs::create_dir_all(to.parent().unwrap_or(root))?;
    fs::copy(path, to).map(drop)
}

/// The test programs as they are now: cargo builds what has changed, and says where they are.
fn suites() -> Result<Vec<(String, PathBuf)>> {
    if std::env::var_os("GLASSBOX_TEST_BUILT").is_some() {
        return SUITES.iter().map(|suite| Ok((suite.to_string(), built_last(suite)?))).collect();
    }
    let mut build = command(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["test", "--no-run", "--offline", "--message-format", "json"]);
    build.args(SUITES.iter().flat_map(|suite| ["--test", suite]));
    let messages = output(&mut build)?;
    let built = |line: &str| -> Option<(String, PathBuf)> {
        let message: Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str().filter(|name| SUITES.contains(name))?;
        Some((name.into(), message["executable"].as_str()?.into()))
    };
    let built: Vec<_> = messages.lines().filter_map(built).collect();
    if built.len() == SUITES.len() { Ok(built) } else { Err(format!("cargo has built only {built:?}")) }
}

/// For somebody who has no cargo, and says that everything was built just before: the newest test program of this
/// name, beside this one.
fn built_last(suite: &str) -> Result<PathBuf> {
    let cannot = |error: std::io::Error| error.to_string();
    let here = std::env::current_exe().map_err(cannot)?;
    let beside = fs::read_dir(here.parent().unwrap_or(Path::new("."))).map_err(cannot)?.flatten();
    let name = format!("{suite}-");
    let programs = beside.map(|entry| entry.path()).filter(|path| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        path.extension().is_none() && file.starts_with(&name)
    });
    let newest = programs.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    newest.ok_or_else(|| format!("no {name}* beside {}", here.display()))
}

/// A container as docker starts it, for `crun`: its capabilities, its masks, its filter, and a root on overlayfs.
/// <https://github.com/opencontainers/runtime-spec/blob/main/config.md>
fn container(filtered: bool) -> Value {
    const CAPABILITIES: [&str; 14] = [
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_SYS_CHROOT",
        "CAP_MKNOD",
        "CAP_AUDIT_WRITE",
        "CAP_SETFCAP",
    ];
    let mount = |to: &str, kind: &str, from: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": from, "options": options });
    let names = glassbox::container::profile::allowed().expect("the default profile can be read");
    let architectures: Vec<&str> = processor::here().iter().map(|processor| processor.oci).collect();
    // No flag of a namespace: CLONE_NEWNS and the like.
    let without_namespaces =
        json!({ "index": 0, "value": 0x7E02_0000u64, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" });
    const ENOSYS: i32 = 38;
    let filter = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": architectures,
        "syscalls": [
            { "names": names, "action": "SCMP_ACT_ALLOW" },
            { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [without_namespaces] },
            // Its flags are in memory, where a filter cannot look: programs go back to clone.
            { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS },
        ],
    });
    let filter = if filtered { filter } else { Value::Null };
    let namespaces: Vec<Value> =
        ["pid", "mount", "uts", "ipc", "network", "cgroup"].map(|kind| json!({ "type": kind })).into();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": "@ID@", "gid": "@ID@" },
            "cwd": "/var/tmp",
            "args": ["sh", "/payload/guest/cell.sh", "@RESULTS@"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=@HOME@", "CI=@CI@"],
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
            "noNewPrivileges": false,
        },
        "root": { "path": "rootfs" },
        "hostname": "outer",
        "mounts": [
            mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", "tmpfs", &["nosuid", "mode=755"]),
            mount("/dev/pts", "devpts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666"]),
            mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/payload", "bind", "/payload", &["rbind", "ro"]),
            mount("@RESULTS@", "bind", "@RESULTS@", &["rbind", "rw"]),
        ],
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "seccomp": filter,
        },
    })
}
