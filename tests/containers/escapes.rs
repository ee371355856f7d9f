//! Attempts to get out of a container, each by a program inside (`escape.c`): all of them fail, with the errno named.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{find_tool, is_ci, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("escapes: as root of the container", || tried("as root", &[], Who::Root)),
        trial("escapes: as an ordinary user of it", || tried("as a user", &["-u", "1000:1000"], Who::User)),
        trial("escapes: without a filter", without_filter),
        trial("escapes: without capabilities", || tried("bare", &["--cap-drop", "ALL"], Who::User)),
        trial("escapes: with the host's network", || tried("host network", &["--net", "host"], Who::Root)),
        trial("escapes: by a second process", by_exec),
        trial("escapes: a volume's program cannot be written", read_only_volume),
        trial("escapes: our own program cannot be written", own_program),
        trial("escapes: profiles and capabilities", profiles),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Root,
    User,
}

/// Refused by the filter, whoever asks.
const FILTERED: &str = "mount_tmpfs mount_proc mount_cgroup mount_bind mount_propagation remount_sys remount_proc_sys \
    remount_root_dev unmount_proc_sys unmount_kcore new_mount_api open_tree_clone move_a_mount mount_attributes pivot \
    unshare_user unshare_mounts clone_user enter_namespace by_handle read_other_memory take_descriptor \
    compare_kernel_objects add_a_key session_keyring request_a_key load_module load_module_file new_kernel restart \
    load_bpf user_faults io_uring performance kernel_log set_clock set_host_name swap_off disk_quota accounting \
    other_personality virtual_socket raise_capability";

/// Nothing of the host is to be seen.
const UNSEEN: &str = "seen_from_here dots through_process_1 through_working_directory runtimes_program";

/// Files of the machine that say nothing, or are not there on every machine.
const MASKED: &str = "kcore keys_file interrupts timers firmware";

/// Files of the machine that cannot be written, where there are any.
const PROTECTED: &str = "core_pattern modprobe panic_timeout drop_caches overcommit sysrq module_parameter uevent \
    release_agent notify_on_release own_limit new_group";

/// Devices of the machine: not to be made, or not to be opened.
const DEVICES: &str = "disk virtual_disk loop_device disk_in_dev disk_in_shm memory_device port_device \
    kernel_log_device fuse kvm in_volume";

/// What each attempt may fail with.
fn expected(name: &str, who: Who) -> &'static [&'static str] {
    let among = |list: &str| list.split_whitespace().any(|other| other == name);
    match name {
        _ if among(FILTERED) => &["EPERM"],
        _ if among(UNSEEN) => &["ENOENT"],
        // A program of another user than root is asked for its rights first.
        _ if among(MASKED) => &["ENODATA", "ENOENT", "EACCES"],
        _ if among(PROTECTED) => &["EROFS", "EACCES", "ENOENT"],
        _ if among(DEVICES) => &["EACCES", "EPERM"],
        // Its flags are in memory, where a filter cannot look: the C library falls back to clone.
        "clone3_user" => &["ENOSYS"],
        "chroot_break_out" if who == Who::Root => &["ENOENT"],
        "chroot_break_out" => &["EPERM"],
        "left_descriptors" => &["EBADF"],
        "trace_maker" | "signal_the_host" => &["ESRCH"],
        "type_into_terminal" => &["ENOTTY"],
        "type_into_console" => &["ENXIO"],
        "more_privileges" | "without_filter" => &["EINVAL"],
        _ => &[],
    }
}

/// The program, and a volume to write to.
struct Probe {
    host: Host,
    dir: PathBuf,
}

impl Probe {
    fn new(test: &str) -> Option<Self> {
        if find_tool("cc").is_none() {
            assert!(!is_ci(), "a C compiler has to be installed in CI");
            skip(test, "there is no C compiler");
            return None;
        }
        let host = Host::new(test)?;
        let dir = host.home.path().join("probe");
        std::fs::create_dir_all(host.home.path().join("volume")).unwrap();
        std::fs::create_dir(&dir).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/containers/escape.c");
        let made = Command::new("cc").args(["-O1", "-static", source, "-o"]).arg(dir.join("escape")).status();
        assert!(made.is_ok_and(|status| status.success()), "{source} cannot be compiled");
        Some(Self { host, dir })
    }

    fn volumes(&self) -> [String; 4] {
        let (probe, volume) = (self.dir.display(), self.host.home.path().join("volume"));
        ["-v".into(), format!("{probe}:/probe:ro"), "-v".into(), format!("{}:/volume", volume.display())]
    }

    /// What each attempt failed with.
    fn attempts(&self, flags: &[&str]) -> BTreeMap<String, String> {
        let volumes = self.volumes();
        let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        let program = ["tiny", "/probe/escape", self.dir.to_str().unwrap()];
        outcomes(&self.host.says(&[&["run", "--rm"], flags, &volumes, &program].concat()))
    }
}

fn outcomes(said: &str) -> BTreeMap<String, String> {
    let pair =
        |line: &str| line.split_once(' ').map(|(name, outcome)| (name.to_string(), outcome.to_string()));
    let outcomes: BTreeMap<_, _> = said.lines().filter_map(pair).collect();
    assert!(outcomes.len() > 80, "{said}");
    outcomes
}

fn all_fail(outcomes: &BTreeMap<String, String>, who: Who) {
    let unexpected =
        outcomes.iter().filter(|(name, outcome)| !expected(name, who).contains(&outcome.as_str()));
    let unexpected: Vec<String> = unexpected.map(|(name, outcome)| format!("{name}: {outcome}")).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

fn tried(test: &str, flags: &[&str], who: Who) {
    let Some(probe) = Probe::new(test) else { return };
    // Who maps his own number alone has no other user.
    let one_user = !is_root() && find_tool("newuidmap").is_none();
    if one_user && flags.contains(&"-u") {
        return skip(test, "there is one user in a container here: newuidmap is not there");
    }
    all_fail(&probe.attempts(flags), who);
}

/// The wall behind it: what the filter would have refused, capabilities and namespaces refuse.
fn without_filter() {
    /// A program may do these to itself, and nothing of the host's is in them.
    const HARMLESS: &str = "unshare_user clone_user clone3_user read_other_memory take_descriptor \
        compare_kernel_objects add_a_key session_keyring request_a_key other_personality virtual_socket io_uring \
        performance user_faults load_bpf";
    let Some(probe) = Probe::new("without a filter") else { return };
    let outcomes = probe.attempts(&["--security-opt", "seccomp=unconfined"]);
    let harmless: Vec<&str> = HARMLESS.split_whitespace().collect();
    for (name, outcome) in outcomes.iter().filter(|(name, _)| !harmless.contains(&name.as_str())) {
        assert_ne!(outcome, "done", "{name}");
    }
    for name in DEVICES.split_whitespace() {
        assert!(["EACCES", "EPERM"].contains(&outcomes[name].as_str()), "{name}: {}", outcomes[name]);
    }
}

/// A second process has the same walls around it.
fn by_exec() {
    let Some(probe) = Probe::new("by a second process") else { return };
    let volumes = probe.volumes();
    let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
    probe.host.says(&[&["run", "-d", "--name", "held"], &volumes[..], &["tiny", "sleep", "1000"]].concat());
    let said = probe.host.says(&["exec", "held", "/probe/escape", probe.dir.to_str().unwrap()]);
    probe.host.says(&["rm", "-f", "held"]);
    all_fail(&outcomes(&said), Who::Root);
}

fn read_only_volume() {
    let Some(probe) = Probe::new("read-only volume") else { return };
    let volume = format!("{}:/probe:ro", probe.dir.display());
    let before = std::fs::read(probe.dir.join("escape")).unwrap();
    let ran = probe.host.shell(
        &["-v", &volume],
        "echo > /probe/escape; echo > /proc/self/root/probe/escape; rm /probe/escape",
    );
    assert_eq!(ran.err.matches("Read-only file system").count(), 3, "{ran}");
    assert!(std::fs::read(probe.dir.join("escape")).unwrap() == before);
}

/// CVE-2019-5736. Process 1 is ours with `--init`, and what it runs is a copy.
fn own_program() {
    let Some(host) = Host::new("our own program") else { return };
    let before = std::fs::read(crate::common::GLASSBOX).unwrap();
    let ran = host.shell(&["--init"], "echo > /proc/1/exe; cat /proc/1/exe > /dev/null && echo read");
    // ETXTBSY while it runs; a sealed file is EPERM whenever it is.
    let refused = ["Text file busy", "Operation not permitted"].iter().any(|why| ran.err.contains(why));
    assert!(refused && ran.out == "read\n", "{ran}");
    assert!(std::fs::read(crate::common::GLASSBOX).unwrap() == before);
}

/// A profile of one's own decides; what is wrong with one is said.
fn profiles() {
    let Some(probe) = Probe::new("profiles") else { return };
    let file = probe.host.home.path().join("profile.json");
    let option = format!("seccomp={}", file.display());
    let flags = ["--security-opt", &option];
    let full = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}"#;
    std::fs::write(&file, full).unwrap();
    let ran = probe.host.shell(&flags, "mkdir /new");
    assert!(ran.code == Some(1) && ran.err.contains("No space left on device"), "{ran}");
    for (profile, word) in
        [("{}", "defaultAction"), (r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, "SCMP_ACT_NOTIFY")]
    {
        std::fs::write(&file, profile).unwrap();
        let ran = probe.host.shell(&flags, "true");
        assert!(ran.code != Some(0) && ran.err.contains(word) && ran.err.contains("hint:"), "{ran}");
    }
    // The default goes by the capabilities: who has that for it may mount, and nobody else.
    let mount = "mount -t tmpfs tmpfs /tmp && grep -c ' /tmp tmpfs ' /proc/mounts";
    let ran = probe.host.shell(&["--cap-add", "SYS_ADMIN"], mount);
    assert_eq!(ran.out, "1\n", "{ran}");
    assert_ne!(probe.host.shell(&[], mount).code, Some(0));
    assert_eq!(probe.host.left(), Vec::<PathBuf>::new());
}
