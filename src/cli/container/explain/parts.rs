//! The parts of a start in words, and what each of them changes for the process that does it.

use crate::container::start::Part;
use crate::kernel::namespace::Kind;
use crate::probe::process::{cgroup, id_map, interfaces, listed, mount_points, mounted, namespace, status};
use crate::probe::{Reading, Result, files, uts};

/// A part in words.
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// What is read before it, and after it, by the process itself.
    pub(super) seen: &'static [Look],
}

type Look = fn() -> Result<Reading>;

pub(super) fn scene(part: Part) -> Scene {
    let (title, text, seen): (_, _, &'static [Look]) = match part {
        Part::Users => (
            "users of its own",
            "A container of an ordinary user has root inside, who is that user outside. Where root makes it, the numbers
             stay what they are, and there is nothing to do.",
            &[|| id_map("self", "uid_map")],
        ),
        Part::Cgroup => (
            "into its group",
            "The group has the limits. A namespace of cgroups that is made in it has it as its root: the process cannot
             see how deep it is.",
            &[|| cgroup("self", "memory"), || namespace("self", Kind::Cgroup)],
        ),
        Part::Root => (
            "another root",
            "The layers of the image and a layer for what changes become one tree. It takes the place of the host's
             root, which stays in sight for a moment.",
            &[|| files::listing("/")],
        ),
        Part::Proc => (
            "/proc of its own",
            "A new mount of proc shows the processes of the namespace that its mounter is in.",
            &[processes],
        ),
        Part::Sys => (
            "/sys of its own network",
            "What is below /sys/class/net belongs to a network namespace. The rest is the machine's, and can only be
             read.",
            &[|| mounted("self", "/sys")],
        ),
        Part::OldRoot => (
            "the host's files go",
            "All mounts of the host are taken away from this namespace at once. No path leads back.",
            &[mounts],
        ),
        Part::Dev => (
            "devices",
            "A file system in memory with the few devices that are harmless, and a place for terminals.",
            &[|| files::listing("/dev")],
        ),
        Part::Etc => (
            "files of its own",
            "Three files of /etc are each container's own, and in no image: the init layer.",
            &[|| Ok(files::tells("/etc/hostname"))],
        ),
        Part::Volumes => (
            "volumes",
            "What was given with -v and --tmpfs. Host directories were opened before the root was changed.",
            &[mounts],
        ),
        Part::Masks => (
            "covers",
            "Some files below /proc and /sys tell about the whole machine, or change it. They are covered, or can only
             be read. How many there are depends on the kernel.",
            &[mounts],
        ),
        Part::Network => (
            "a name, and a loopback interface",
            "Both belong to namespaces that the process was born into. A new network has one interface, and it is down.",
            &[uts::host_name, || interfaces("self")],
        ),
        Part::Endpoint => (
            "an interface on the network",
            "Where --net names a network, the maker has made a pair of interfaces: one is a port of the network's
             bridge, the other one is eth0 in here. It gets the address that was drawn for it, and a way out: the
             bridge. Without a network there is nothing to do.",
            &[|| interfaces("self")],
        ),
        Part::Session => (
            "a session",
            "A session of its own has no terminal, or one that the container was given. Nothing can be typed into ours.",
            &[|| status("self", "NSsid")],
        ),
        Part::Bounds => (
            "what no program in it can have",
            "Each capability that is not wanted goes from the bounding set: not even a set-uid program brings it back.",
            &[|| status("self", "CapBnd")],
        ),
        Part::Identity => (
            "who it runs as",
            "Groups first, then the user: afterwards it would not be allowed any more.",
            &[|| status("self", "Uid"), || status("self", "Groups")],
        ),
        Part::Capabilities => (
            "what it may do",
            "Root's power comes in some forty pieces. The process keeps a few of them.",
            &[|| status("self", "CapPrm"), || status("self", "CapEff")],
        ),
        Part::NoNewPrivileges => (
            "no program gives it more",
            "From here on execve grants nothing that the process does not have.",
            &[|| status("self", "NoNewPrivs")],
        ),
        Part::Filter => (
            "which system calls it may make",
            "The kernel runs this program before each system call. It can get stricter, and never goes. Next comes
             execve, and this process is the program.",
            &[|| status("self", "Seccomp"), || status("self", "Seccomp_filters")],
        ),
    };
    Scene { title, text, seen }
}

fn processes() -> Result<Reading> {
    Ok(Reading::new("processes", "/proc", listed()?.len().to_string()))
}

fn mounts() -> Result<Reading> {
    Ok(Reading::new("mounts", "/proc/self/mountinfo", mount_points("self")?.len().to_string()))
}
