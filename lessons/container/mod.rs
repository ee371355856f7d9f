//! The container: every mechanism in its order, from `clone` to `execve`.

mod inside;
mod lab;

use std::ops::Deref;
use std::path::Path;

use crate::container::masks;
use crate::container::start::init_layer;
use crate::event::{kernel_doc, man};
use crate::image::tiny;
use crate::kernel::cgroup::{Controller, MEMORY_MAX, PIDS_MAX};
use crate::kernel::fs;
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, Ended, Sig, kill};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::cgroup::control;
use crate::probe::files::{fingerprint, listing};
use crate::probe::process::{
    cgroup, interfaces, listed, mount_options, mount_points, mounted, namespace, status,
};
use crate::stage::{Child, Lesson, LessonGroup, Program, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "container",
    title: "The container",
    minutes: 15,
    builds_on: &[
        "ipc",
        "network",
        "cgroup-ns",
        "pids",
        "init-layer",
        "dev-proc-sys",
        "no-new-privs",
        "memory",
    ],
    steps: 7,
    needs: &[
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
        Need::Overlay,
        Need::Seccomp,
        Need::ControllerForAPart(Controller::Memory),
        Need::ControllerForAPart(Controller::Pids),
    ],
    run,
    lab: lab::LAB,
};

const MEBIBYTE: u64 = 1 << 20;
const MEMORY: u64 = 64 * MEBIBYTE;
const PROCESSES: u64 = 32;
const NAME: &str = "glass";

/// What a container gets of its own in this lesson. The user namespace is the ordinary user's who has no
/// other way; root does without, as Docker does.
const KINDS: [Kind; 6] = [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::Cgroup];

fn run(stage: &mut Stage) -> Result<()> {
    image_is_a_directory(stage)?;
    let limits = limits_first(stage)?;
    let mut shell = Program::pipes()?;
    let mut container = one_clone(stage, limits.as_ref(), &shell)?;
    own_root(stage, &mut container)?;
    own_devices(stage, &mut container)?;
    lesser_root(stage, &mut container)?;
    a_real_shell(stage, &mut container, &mut shell, limits.as_ref())?;
    the_end(stage, container, limits)
}

// ANCHOR: image
fn image_is_a_directory(stage: &mut Stage) -> Result<()> {
    stage.step("an image is a directory");
    stage.say(
        "A container starts from an image, and an image is the content of a root directory, no more. We make
         a small one on the spot, from this machine's own programs and the libraries that they need.",
    );
    ["tiny", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    let tiny = stage.backstage(|| tiny::build(Path::new("tiny")))?;
    stage.backstage(|| init_layer::provide(Path::new("")))?;
    stage.measure("programs in the image", tiny.programs.len(), "tiny/bin");
    stage.measure("libraries that they need", tiny.libraries, "their ELF headers");
    stage.measure("size", format!("{} KiB", tiny.bytes / 1024), "stat()");
    stage.state("the image tiny").new(&listing("tiny")?.varying(), "a root directory").show();
    stage.check("it has a shell").saw((tiny.programs.iter().any(|name| name == "sh"), "tiny/bin"))?;
    stage.why(
        "A registry's image is the same, packed: tar archives of such directories, one for each layer, and a
         JSON file that says which program to start. There is no kernel in it: a container uses the one that
         is running already.",
        &[man("ld.so", 8), man("elf", 5)],
    );
    stage.pause("the image is in /tmp/tiny, on the stage's own file system")
}
// ANCHOR_END: image

// ANCHOR: limits
fn limits_first(stage: &mut Stage) -> Result<Option<LessonGroup>> {
    stage.step("limits first");
    stage.say(
        "Limits come before the process that they are for: a process that starts inside of its cgroup has
         never been without them. 64 MiB of memory, 32 processes.",
    );
    let group = match stage.cgroup("container", &[Controller::Memory, Controller::Pids]) {
        Ok(group) => group,
        Err(error) => {
            stage.skip("limits of memory and processes", error.explained());
            stage.pause("the container will do without limits")?;
            return Ok(None);
        }
    };
    let (memory, pids) = (control(&group, MEMORY_MAX)?, control(&group, PIDS_MAX)?);
    group.limit_memory(MEMORY)?;
    group.limit_pids(PROCESSES)?;
    stage
        .state("kernel state")
        .compare(&memory, &control(&group, MEMORY_MAX)?, "64 MiB")
        .compare(&pids, &control(&group, PIDS_MAX)?, "")
        .show();
    stage.check("the kernel has the memory limit").expect(MEMORY).saw(&control(&group, MEMORY_MAX)?)?;
    stage.check("the kernel has the process limit").expect(PROCESSES).saw(&control(&group, PIDS_MAX)?)?;
    stage.why(
        "`docker run --memory 64m --pids-limit 32` writes these two files. The lesson memory shows what happens
         at the limit.",
        &[man("cgroups", 7), kernel_doc("Control Group v2", "admin-guide/cgroup-v2")],
    );
    stage.pause("the group exists, and nobody is in it")?;
    Ok(Some(group))
}
// ANCHOR_END: limits

// ANCHOR: namespaces
fn one_clone(stage: &mut Stage, limits: Option<&LessonGroup>, shell: &Program) -> Result<Child> {
    stage.step("one clone, five namespaces, and a sixth");
    stage.say(
        "A single system call makes the process and, with a flag for each, what it has for itself: mounts,
         host name, IPC, process numbers, network. The cgroup namespace comes a moment later, when the
         process is in its cgroup, because its root is where the process stands.",
    );
    let guess =
        stage.predict("How many kernels are running now?", &["one", "two: the host's and the container's"]);
    let boot_id = "/proc/sys/kernel/random/boot_id";
    let host_boot = crate::probe::file(boot_id)?;

    let clone = Clone3::new().newns().newuts().newipc().newpid().newnet();
    let body = |lane: &mut Stage| {
        let boot = crate::probe::file(boot_id)?;
        let observed = if boot == host_boot { "one" } else { "two: the host's and the container's" };
        lane.reveal(
            guess,
            observed,
            "Inside and outside read the same boot_id. A container is a process of this kernel which has been
             given other views; a virtual machine would have booted a second one.",
        )?;
        inside::become_contained(lane, limits.map(Deref::deref), shell)
    };
    let container = match limits {
        Some(group) => stage.child_in(group, "container", clone, body)?,
        None => stage.child("container", clone, body)?,
    };

    let mut table = stage.side_by_side("namespaces", "host", "container");
    for kind in KINDS {
        let (host, own) = (namespace("self", kind)?, namespace(container.pid(), kind)?);
        table = table.compare(&host, &own.clone().labelled(format!("ns/{kind}")), "own");
        stage.check(format!("its {kind} namespace is its own")).expect_other_than(&host).saw(&own)?;
    }
    let user = (namespace("self", Kind::User)?, namespace(container.pid(), Kind::User)?);
    table.compare(&user.0, &user.1.labelled("ns/user"), "shared").show();
    stage.why(
        "Textbooks count five namespaces in Docker; today it makes the cgroup namespace too, and the user
         namespace when it is asked to, or when an ordinary user runs it. This stage's user namespace is the
         container's: made for you if you are not root. The eighth kind, time, is left to CRIU.",
        &[man("namespaces", 7), man("clone", 2), man("cgroup_namespaces", 7)],
    );
    stage.try_it(format!("ls -l /proc/{}/ns", container.pid()), "the links, read by you");
    stage.pause("the process has new namespaces, and still the host's files")?;
    Ok(container)
}
// ANCHOR_END: namespaces

// ANCHOR: root
fn own_root(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("a root of its own");
    stage.say(
        "Next, the files. The image becomes a read-only layer of an overlay mount, with an empty directory on
         top for whatever the container writes. A small init layer between them has the places that mounts
         need, for images that lack them. Then pivot_root makes all of it the root.",
    );
    let hosts = mounted("self", "/")?.varying();
    container.go_on();
    let after = mounted(container.pid(), "/")?;
    let fstype = after.text.split(' ').next().unwrap_or_default().to_string();
    stage.state("kernel state").compare(&hosts, &after, "").show();
    stage.check("its root is the overlay").expect("overlay").saw((fstype, &after.source))?;
    let still = mounted("self", "/")?.varying();
    stage.check("the host's root is what it was").expect(&hosts).saw(&still)?;
    stage.why(
        "pivot_root, and not chroot: chroot changes where one process begins to look, and there is a way back
         out of it. pivot_root exchanges the root of the whole mount namespace, and the old one can then be
         unmounted.",
        &[man("pivot_root", 2), kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.try_it(format!("ls /proc/{}/root/", container.pid()), "its root, seen from the host");
    stage.pause("the container has its root; the host's is still there, mounted on top of it")
}
// ANCHOR_END: root

// ANCHOR: devices
fn own_devices(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("proc, sys, dev, and what is covered");
    stage.say(
        "Programs expect /proc, /sys and some devices. Each is mounted anew, for these namespaces; as soon as
         nothing of the host's is needed any more the old root goes. Three files of /etc are the container's
         own. At last those files that tell about the whole machine, and are in no namespace, are covered or
         made read-only.",
    );
    container.go_on();
    let pid = container.pid();
    let points = mount_points(pid)?;
    let roots = points.iter().filter(|point| *point == "/").count();
    let hosts = points.iter().filter(|point| point.starts_with("/tmp")).count();
    stage.check("one root is left").expect(1usize).saw((roots, format!("/proc/{pid}/mountinfo")))?;
    stage
        .check("its mount table holds nothing of the host")
        .expect(0usize)
        .saw((hosts, format!("/proc/{pid}/mountinfo")))?;
    let proc_sys = mount_options(pid, "/proc/sys")?;
    let read_only = proc_sys.text.split(',').any(|option| option == "ro");
    stage.check("kernel settings are read-only").saw((read_only, &proc_sys.source))?;
    let covered = masks::MASKED.iter().filter(|path| points.iter().any(|point| point == *path)).count();
    let there = masks::MASKED.iter().filter(|path| Path::new(path).exists()).count();
    stage
        .check("every file about the whole machine is covered")
        .saw((covered == there, format!("/proc/{pid}/mountinfo")))?;
    let devices = listing(format!("/proc/{pid}/root/dev"))?;
    stage.state("kernel state").new(&devices, "no disks, no memory").show();
    stage
        .check("there is no disk in its /dev")
        .expect(false)
        .saw((has_disk(&devices.text), &devices.source))?;
    stage.why(
        "/proc/kcore is the machine's memory, /proc/sysrq-trigger can reboot it, /proc/sys changes it. No
         namespace divides them, so runtimes cover them: in the OCI specification these lists are maskedPaths
         and readonlyPaths.",
        &[man("proc", 5), man("pts", 4)],
    );
    stage.pause("the container has devices of its own, and the old root is gone")
}

fn has_disk(names: &str) -> bool {
    names
        .split_whitespace()
        .any(|name| ["sd", "vd", "nvme", "mem", "kmsg"].iter().any(|disk| name.starts_with(disk)))
}
// ANCHOR_END: devices

// ANCHOR: lesser_root
fn lesser_root(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("root, but less");
    stage.say(
        "The process gets its host name, its loopback interface and a session of its own. Inside, the user is
         root. Capabilities divide root's power into some forty pieces, of which a
         container keeps fourteen; no_new_privs forbids to gain any by executing a program; and the seccomp
         filter lets through only those system calls that are about the container itself.",
    );
    let pid = container.pid();
    let fields = ["CapEff", "NoNewPrivs", "Seccomp"];
    let before = fields.map(|field| status(pid, field).map(Reading::varying));
    container.go_on();
    let mut table = stage.state("kernel state");
    for (field, before) in fields.iter().zip(before) {
        table = table.compare(&before?, &status(pid, field)?, "");
    }
    table.show();
    stage
        .check("it has Docker's fourteen capabilities")
        .expect("00000000a80425fb")
        .saw(&status(pid, "CapEff")?)?;
    stage.check("it can gain no others").expect("00000000a80425fb").saw(&status(pid, "CapBnd")?)?;
    stage.check("no_new_privs is set").expect("1").saw(&status(pid, "NoNewPrivs")?)?;
    stage.check("a seccomp filter is on").expect("2").saw(&status(pid, "Seccomp")?)?;
    stage.why(
        "Three walls behind each other: if a program is tricked into a forbidden system call, the filter stops
         it; if the filter lets it through, the capability is missing; and a set-uid program brings neither
         back. `docker run --cap-add`, `--cap-drop` and `--security-opt seccomp=…` move these walls.",
        &[man("capabilities", 7), man("seccomp", 2), man("prctl", 2)],
    );
    stage.pause("root inside can do little to the machine now")
}
// ANCHOR_END: lesser_root

// ANCHOR: shell
fn a_real_shell(
    stage: &mut Stage,
    container: &mut Child,
    shell: &mut Program,
    limits: Option<&LessonGroup>,
) -> Result<()> {
    stage.step("a real shell, looked at from both sides");
    stage.say("Everything is in place. The process becomes the image's shell, and we type into it.");
    // Another machine has other programs.
    let image = fingerprint("tiny")?.varying();
    container.go_on();
    let pid = container.pid();

    let commands = "echo $$; cat /proc/sys/kernel/hostname; echo /dev/*";
    stage.output(commands, &shell.type_in(commands)?);
    let answer = shell.type_in("echo $$")?;
    stage.check("inside: the shell is number 1").expect("1").saw((answer, "echo $$"))?;
    let answer = shell.type_in("cat /proc/sys/kernel/hostname")?;
    stage
        .check("inside: the host is called glass")
        .expect(NAME)
        .saw((answer, "/proc/sys/kernel/hostname"))?;
    let answer = shell.type_in("cd /proc; echo [0-9]*; cd /")?;
    stage.check("inside: /proc lists only its own processes").expect("1").saw((answer, "/proc"))?;
    let answer =
        shell.type_in("while IFS=: read -r number names path; do echo $path; done < /proc/self/cgroup")?;
    let root = answer.lines().all(|path| path == "/");
    stage.check("inside: its cgroup looks like the root").saw((root, "/proc/self/cgroup"))?;
    shell.type_in("echo written inside > /etc/motd")?;

    let host = crate::probe::file("/proc/sys/kernel/hostname")?.varying();
    stage.check("outside: the host kept its name").expect_other_than(NAME).saw(&host)?;
    let listed = listed()?.contains(&(pid.as_raw() as u64));
    stage.check("outside: the shell is an ordinary process").saw((listed, "/proc"))?;
    stage.check("outside: its network is a loopback").expect("lo").saw(&interfaces(pid)?)?;
    stage.check("outside: the write is in the upper layer").expect("motd").saw(&listing("upper/etc")?)?;
    stage.check("outside: the image is unchanged").expect(&image).saw(&fingerprint("tiny")?.varying())?;
    if let Some(group) = limits {
        let place = cgroup(pid, "memory")?;
        let inside = group.dirs().any(|dir| dir.ends_with(place.text.trim_start_matches('/')));
        stage.check("outside: it is in its cgroup").saw((inside, &place.source))?;
        stage.check("outside: its memory is limited").expect(MEMORY).saw(&control(group, MEMORY_MAX)?)?;
    }
    stage.why(
        "That is all. There is no object `container` in the kernel: there is a process, and the list that you
         have just seen. Docker, Podman and Kubernetes make the same calls in nearly the same order.",
        &[man("execve", 2), man("namespaces", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(pid, "-m -u -i -p -n", "/bin/sh"),
        "a second shell inside: docker exec",
    );
    stage.pause("a container is running; [s] opens a second shell inside")
}
// ANCHOR_END: shell

// ANCHOR: end
fn the_end(stage: &mut Stage, container: Child, limits: Option<LessonGroup>) -> Result<()> {
    stage.say("We end number 1, and with it the container.");
    let pid = container.pid();
    kill(pid, Sig::SIGKILL)?;
    let ended = container.wait()?;
    stage
        .check("the shell was killed")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((ended.to_string(), "wait4()"))?;
    stage.check("nothing of it is left").expect(false).saw((status(pid, "State").is_ok(), "/proc"))?;
    if let Some(group) = limits {
        group.remove()?;
    }
    stage.say(
        "Namespaces, mounts and the network went with the last process in them; the cgroup was removed. What
         is left is the image, and the upper layer with one file: `docker commit` would make it a layer.",
    );
    Ok(())
}
// ANCHOR_END: end
