//! Filters: what a compiled one answers is what its profile says, for every call of every architecture.
//!
//! Two that know nothing of each other are held against each other: the program as the kernel would run it
//! (`interpreter`), and the file of JSON as one reads it (`reading`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod interpreter;
mod reading;

use std::collections::BTreeSet;
use std::path::Path;

use glassbox::container::profile::{Circumstances, DEFAULT, Profile};
use glassbox::kernel::arch::{self, Architecture};
use glassbox::kernel::capability::{DOCKER_DEFAULT, Set};
use glassbox::kernel::seccomp::Filter;
use interpreter::{Call, run};
use reading::Reading;

/// podman's profile, as Debian installs it.
const PODMAN: &str = "/usr/share/containers/seccomp.json";

const ALLOW: u32 = 0x7fff_0000;
const KERNEL: (u32, u32) = (6, 1);

fn compile(profile: &str, arch: &Architecture, capabilities: Set) -> Filter {
    let here = Circumstances { arch, kernel: KERNEL, capabilities };
    Filter::compile(arch, &Profile::parse(profile).unwrap().policy(&here).unwrap())
}

/// podman's profile. In CI it has to be there.
fn podmans() -> Option<String> {
    let found = Path::new(PODMAN).is_file();
    let is_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(found || !is_ci, "{PODMAN} has to be there in CI: apt install golang-github-containers-common");
    if !found {
        eprintln!("skipped: podman's profile: {PODMAN} is not there");
    }
    found.then(|| std::fs::read_to_string(PODMAN).unwrap())
}

/// Every number that there is, and some that there are not, with every argument that the profile speaks of.
fn holds(profile: &str) {
    for arch in &arch::ALL {
        for capabilities in [Set::empty(), DOCKER_DEFAULT, DOCKER_DEFAULT | Set::SYS_ADMIN, Set::all()] {
            let filter = compile(profile, arch, capabilities);
            let reading = Reading::new(profile, arch, capabilities, KERNEL);
            let newest = (arch.calls)().last().unwrap().0;
            let numbers = (0..newest + 50).chain([0x4000_0000, 0x4000_0001, u32::MAX]);
            for number in numbers {
                for args in reading.arguments(number) {
                    let call = Call { number, audit: arch.audit, args };
                    let expected = reading.answer(number, &args);
                    let name = reading.name(number);
                    let (arch, caps) = (arch.name, capabilities.bits());
                    assert_eq!(
                        run(filter.program(), &call).answer,
                        expected,
                        "{name} ({number}) with {args:x?} on {arch}, capabilities {caps:x}"
                    );
                }
            }
        }
    }
}

#[test]
fn podmans_profile_means_what_it_says() {
    if let Some(profile) = podmans() {
        holds(&profile);
    }
}

#[test]
fn the_default_means_what_it_says() {
    holds(DEFAULT);
}

#[test]
fn every_comparison_of_64_bits_means_what_it_says() {
    for op in ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"] {
        for value in [0, 1, 40, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 0xffff_fffe_ffff_ffff, u64::MAX] {
            let two = value & 0xf0f0_0000_f0f0_0001;
            let first = format!(
                r#"{{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{{"index":0,"value":1,"op":"SCMP_CMP_NE"}},{{"index":5,"value":{value},"valueTwo":{two},"op":"SCMP_CMP_{op}"}}]}}"#
            );
            let second = format!(
                r#"{{"names":["read","write"],"action":"SCMP_ACT_ERRNO","errnoRet":7,"args":[{{"index":5,"value":{value},"op":"SCMP_CMP_GE"}}]}}"#
            );
            holds(&format!(r#"{{"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[{first},{second}]}}"#));
        }
    }
}

#[test]
fn a_rule_without_conditions_decides() {
    let conditional =
        r#"{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}"#;
    let always = r#"{"names":["read","write"],"action":"SCMP_ACT_LOG"}"#;
    let profile = |rules: &str| {
        format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[{rules}]}}"#)
    };
    holds(&profile(&format!("{conditional},{always}")));
    holds(&profile(&format!("{always},{conditional}")));
}

/// So long that halves of the search are further away than a conditional jump reaches.
#[test]
fn a_long_program_means_what_it_says() {
    let every = arch::ALL.iter().flat_map(|arch| (arch.calls)());
    let odd: Vec<&str> = every.filter(|(number, _)| number % 2 == 1).map(|(_, name)| name).collect();
    let profile = format!(
        r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":{odd:?},"action":"SCMP_ACT_ALLOW","args":[{{"index":1,"value":255,"valueTwo":7,"op":"SCMP_CMP_MASKED_EQ"}}]}}]}}"#
    );
    assert!(compile(&profile, &arch::HERE, DOCKER_DEFAULT).program().len() > 1000);
    holds(&profile);
}

#[test]
fn another_architectures_numbers_end_the_process() {
    const KILL_PROCESS: u32 = 0x8000_0000;
    for arch in &arch::ALL {
        let filter = compile(DEFAULT, arch, DOCKER_DEFAULT);
        for other in arch::ALL.iter().filter(|other| other.audit != arch.audit) {
            let call = Call { number: 0, audit: other.audit, args: [0; 6] };
            assert_eq!(run(filter.program(), &call).answer, KILL_PROCESS, "{} on {}", other.name, arch.name);
        }
    }
}

#[test]
fn the_default_is_found_by_binary_search() {
    for arch in &arch::ALL {
        let filter = compile(DEFAULT, arch, DOCKER_DEFAULT);
        assert!(filter.program().len() < 300, "{} instructions on {}", filter.program().len(), arch.name);
        for (number, name) in (arch.calls)() {
            // Three instructions of prologue, then at most eight comparisons, a long jump, and a condition or five.
            let steps = run(filter.program(), &Call { number, audit: arch.audit, args: [1; 6] }).steps;
            let most = if name == "personality" { 40 } else { 18 };
            assert!(steps <= most, "{steps} steps for {name} on {}", arch.name);
        }
    }
}

/// Names, and nothing else, of calls that one of the two allows a program without further powers.
fn allowed(profile: &str) -> BTreeSet<&'static str> {
    let arch = &arch::HERE;
    let filter = compile(profile, arch, DOCKER_DEFAULT);
    let allows = |number: u32| {
        let call = Call { number, audit: arch.audit, args: [0; 6] };
        run(filter.program(), &call).answer == ALLOW
    };
    (arch.calls)().into_iter().filter(|(number, _)| allows(*number)).map(|(_, name)| name).collect()
}

#[test]
fn where_the_default_differs_from_podmans_is_known() {
    /// podman relies on capabilities for these. Docker refuses them here already, and so do we.
    const STRICTER: [&str; 24] = [
        "clone3",
        "fsconfig",
        "fsmount",
        "fsopen",
        "fspick",
        "get_mempolicy",
        "keyctl",
        "mbind",
        "mount",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "pidfd_getfd",
        "pivot_root",
        "process_vm_readv",
        "process_vm_writev",
        "reboot",
        "set_mempolicy",
        "setns",
        "sethostname",
        "syslog",
        "umount2",
        "unshare",
        "uselib",
    ];
    let Some(podmans) = podmans() else { return };
    let (ours, theirs) = (allowed(DEFAULT), allowed(&podmans));
    let stricter: BTreeSet<&str> = theirs.difference(&ours).copied().collect();
    let unexpected: Vec<_> = stricter.iter().filter(|name| !STRICTER.contains(name)).collect();
    assert!(unexpected.is_empty(), "podman's programs would miss {unexpected:?}");
    // What they do not know yet: newer than their list.
    const NEWER: [&str; 15] = [
        "cachestat",
        "fchmodat2",
        "futex_requeue",
        "futex_wait",
        "futex_waitv",
        "futex_wake",
        "getxattrat",
        "listxattrat",
        "lsm_get_self_attr",
        "lsm_list_modules",
        "map_shadow_stack",
        "mseal",
        "removexattrat",
        "riscv_hwprobe",
        "setxattrat",
    ];
    let looser: Vec<_> = ours.difference(&theirs).filter(|name| !NEWER.contains(name)).collect();
    let elsewhere = ["riscv_flush_icache"];
    let looser: Vec<_> = looser.into_iter().filter(|name| !elsewhere.contains(name)).collect();
    assert!(looser.is_empty(), "podman refuses {looser:?}");
}
