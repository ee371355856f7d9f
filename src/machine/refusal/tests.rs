//! The table, held against itself: facts are given as data here.

use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::kernel::cgroup::{Controller, Missing, Version};
use crate::kernel::{self, Errno};
use crate::probe::Unreadable;

/// One of each thing that can be tried, made as it is made in earnest.
fn samples(errno: Errno) -> Vec<Attempt> {
    let call = |call, args: &str| Attempt::from(&kernel::Error { call, args: args.into(), errno });
    let missing = |version| {
        let mount = PathBuf::from("/sys/fs/cgroup");
        let below = mount.join("user.slice");
        Attempt::from(&Missing::NotDelegated { controller: Controller::Memory, version, mount, below })
    };
    let error = io::Error::from(errno);
    vec![
        call("unshare", "CLONE_NEWNS|CLONE_NEWUSER"),
        call("clone3", "flags=CLONE_NEWPID, exit_signal=SIGCHLD"),
        call("clone3", "flags=0, exit_signal=SIGCHLD"),
        call("mount", "\"proc\", \"/proc\", \"proc\", 0, NULL"),
        call("mount", "\"overlay\", \"merged\", \"overlay\", 0, \"lowerdir=lower\""),
        call("mount", "\"tmpfs\", \"/tmp\", \"tmpfs\", 0, NULL"),
        call("seccomp", "SECCOMP_SET_MODE_FILTER, 0, len=9"),
        call("sendto", "NETLINK_NETFILTER, NFT_MSG_NEWTABLE"),
        call("sendto", "NETLINK_NETFILTER, NFT_MSG_NEWRULE"),
        call("write", "\"/proc/sys/net/ipv4/ip_forward\", \"1\""),
        call("sendto", "NETLINK_ROUTE, RTM_NEWLINK, IFLA_INFO_KIND=\"veth\""),
        call("open", "\"/dev/loop-control\""),
        call("write", "\"/sys/fs/cgroup/glassbox/io.max\", \"7:0 wbps=1\""),
        call("mkdir", "\"upper\", 0755"),
        Attempt::from(&Missing::Controller(Controller::Memory)),
        missing(Version::V1),
        missing(Version::V2),
        Attempt::cpu_quota(),
        Attempt::new_privileges(),
        Attempt::program("nsenter"),
        Attempt::kernel_image(Path::new("/boot/vmlinuz"), errno),
        Attempt::boot(Path::new("/boot/vmlinuz"), "it said nothing".into()),
        Attempt::library("libc.so.6", Path::new("/bin/sh")),
        Attempt::version(5, 6),
        Attempt::from(&Unreadable {
            path: "/proc/1/status".into(),
            why: "it has no NSpid".into(),
            errno: None,
        }),
        Attempt::image_file(Path::new("/bin/sh"), "it is no program"),
        Attempt::home(),
        Attempt::state_directory(Path::new("/home/me"), &error),
        Attempt::disk(),
        Attempt::output(&error),
        Attempt::leftover("/tmp/scene: EBUSY".into(), "glassbox sweep".into()),
        Attempt::ended("killed by SIGKILL"),
        Attempt::system("making a pipe", &error),
        Attempt::fault("a lesson has no steps"),
    ]
}

fn sample(tried: Tried, errno: Errno) -> Attempt {
    let found = samples(errno).into_iter().find(|attempt| attempt.tried == tried);
    found.unwrap_or_else(|| panic!("no sample of {tried:?}"))
}

/// Just these facts, each with a word.
fn facts(facts: &[Fact]) -> Facts {
    facts.iter().map(|fact| (*fact, format!("the word of {fact:?}"))).collect()
}

/// Every situation that a row is about: each thing tried with each number that came back.
fn situations(row: &Row) -> Vec<Attempt> {
    let numbers = if row.errno.is_empty() { &[Errno::EIO][..] } else { row.errno };
    row.tried.iter().flat_map(|tried| numbers.iter().map(|errno| sample(*tried, *errno))).collect()
}

#[test]
fn no_row_stands_in_the_shadow_of_an_earlier_one() {
    for row in TABLE {
        for attempt in situations(row) {
            // No machine could have fewer facts and still be in this row.
            let so = facts(row.facts);
            let first = TABLE.iter().find(|candidate| candidate.fits(&attempt, &so)).map(|first| first.why);
            assert_eq!(first, Some(row.why), "{:?} with {:?}", attempt.tried, attempt.errno);
        }
    }
}

#[test]
fn every_row_says_why_and_what_to_do() {
    for row in TABLE {
        for attempt in situations(row) {
            let Refusal { why, hint } = Refusal::of(&attempt, &facts(row.facts));
            assert!(!hint.is_empty() && !why.is_empty() && !why.ends_with('.'), "{row:?}");
            for text in [why, hint] {
                // `{ userns, }` is a profile of AppArmor's.
                let unfilled = text.split('{').skip(1).find(|rest| !rest.starts_with(' '));
                assert_eq!(unfilled, None, "nobody gives this word: {text}");
            }
        }
    }
}

#[test]
fn a_refused_call_is_named_with_its_errno() {
    for row in TABLE {
        let is_call = situations(row).iter().any(|attempt| attempt.word("call").is_some());
        let named = |word: &str| row.why.contains(word);
        assert!(!is_call || named("{call}") && (named("{errno}") || named("{answer}")), "{row:?}");
    }
}

#[test]
fn whatever_is_tried_and_comes_back_there_is_a_row() {
    for errno in (0..134).map(Errno::from_raw) {
        for attempt in samples(errno) {
            let fits = TABLE.iter().any(|row| row.fits(&attempt, &Facts::default()));
            assert!(fits, "{:?} with {errno:?}", attempt.tried);
        }
    }
}

/// What is told on machines of which not everybody has one at hand.
#[test]
fn machines_are_told_apart() {
    use Errno::*;
    use Fact::*;
    let docker = [Contained, Filtered, Confined];
    let ubuntu = [Ordinary, AppArmorSwitch, Powerless];
    let cases: [(Tried, Errno, &[Fact], &str); 12] = [
        (Tried::UserNamespace, EPERM, &docker, "its seccomp filter forbids unshare (EPERM)"),
        (Tried::Overlay, EACCES, &[Contained, Confined], "its AppArmor profile"),
        (Tried::Proc, EPERM, &[Contained, Covered], "covered"),
        (Tried::UserNamespace, EPERM, &[Contained], "the kernel refuses unshare"),
        (Tried::UserNamespace, EACCES, &ubuntu, "kernel.apparmor_restrict_unprivileged_userns is 1"),
        (Tried::Overlay, EPERM, &ubuntu, "kernel.apparmor_restrict_unprivileged_userns is 1"),
        (Tried::Overlay, EPERM, &[Ordinary, OldOverlay], "nobody but root"),
        (Tried::Overlay, EPERM, &[Ordinary], "to this user"),
        (Tried::UserNamespace, ENOSPC, &[Ordinary, UserLimit, KindLimit], "user.max_user_namespaces is 0"),
        (Tried::UserNamespace, EINVAL, &[Wsl1, Ordinary, NoKind], "WSL 1"),
        (Tried::Controller, EIO, &[BuiltIn, V1Mounted, InV2], "has that controller in version 2"),
        (Tried::Controller, EIO, &[BuiltIn, V1Mounted], "without a memory tree"),
    ];
    for (tried, errno, so, says) in cases {
        let why = Refusal::of(&sample(tried, errno), &facts(so)).why;
        assert!(why.contains(says), "{tried:?}, {errno:?}, {so:?}: {why}");
    }
}
