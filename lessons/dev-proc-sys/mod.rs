//! `/dev`, `/proc` and `/sys` of a container, and what has to be covered in them.

mod inside;
mod lab;

use std::path::Path;

use crate::event::man;
use crate::image::tiny;
use crate::kernel::fs;
use crate::kernel::namespace::Kind;
use crate::kernel::process::Clone3;
use crate::machine::Need;
use crate::probe::files::{kind, listing};
use crate::probe::process::{mount_points, status};
use crate::stage::{Child, Lesson, Result, Stage};
use inside::{Expectations, Machine};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "dev-proc-sys",
    title: "/dev, /proc, /sys",
    minutes: 12,
    builds_on: &["pivot-root"],
    steps: 5,
    needs: &[
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
    ],
    run,
    lab: lab::LAB,
};

/// The container's image, a directory.
const IMAGE: &str = "/tmp/image";

fn run(stage: &mut Stage) -> Result<()> {
    let mut container = an_empty_dev(stage)?;
    six_devices(stage, &mut container)?;
    in_no_namespace(stage, &mut container)?;
    covered(stage, &mut container)?;
    who_may_uncover(stage, container)
}

// ANCHOR: an_empty_dev
fn an_empty_dev(stage: &mut Stage) -> Result<Child> {
    stage.step("an empty /dev");
    stage.say(
        "An image has no devices in it: /dev is an empty directory. A container is started with such a root, and
         nothing more is done.",
    );
    fs::mkdir(IMAGE)?;
    stage.backstage(|| tiny::build(Path::new(IMAGE)))?;
    let null = stage.predict(
        "A program in there writes to /dev/null, as with `>`. What becomes of it?",
        &["ENOENT: there is no such file", "it is gone, as always", "it is kept, in a file"],
    );
    let machine = Machine::look(stage)?;
    let clone = Clone3::new().newns().newipc().newpid().newnet();
    let container = stage
        .child("container", clone, |inside| inside::contained(inside, Expectations { null, machine }))?;

    let null = format!("/proc/{}/root/dev/null", container.pid());
    let (hosts, its) = (kind("/dev/null")?, kind(&null)?);
    stage
        .side_by_side("/dev/null", "host", "container")
        .compare(&hosts, &its.labelled("/dev/null"), "")
        .show();
    stage.check("it is an ordinary file").expect("file").saw(&kind(&null)?)?;
    stage.why(
        "A device is a name for two numbers, by which the kernel finds a driver; the name null has no meaning of its
         own. The shell opens with O_CREAT what stands behind `>`, and so makes the file. It grows with each line
         that somebody throws away.",
        &[man("null", 4), man("mknod", 2)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-m", "cat /dev/null"), "what was thrown away");
    stage.pause("what was thrown away is in the container's /dev/null")?;
    Ok(container)
}
// ANCHOR_END: an_empty_dev

// ANCHOR: six_devices
fn six_devices(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("six devices, and terminals of its own");
    stage.say(
        "Now the right way. /dev is a file system in memory with six devices, the links that programs expect, shared
         memory, message queues, and pseudo-terminals. Root makes the device nodes with mknod; an ordinary user
         binds those of the host.",
    );
    container.go_on();
    let dev = listing(format!("/proc/{}/root/dev", container.pid()))?;
    stage.state("the container's /dev").new(&dev.clone().labelled("/dev"), "no disk, no memory").show();
    let names = "fd  full  mqueue  null  ptmx  pts  random  shm  stderr  stdin  stdout  tty  urandom  zero";
    stage.check("that is all").expect(names).saw(&dev)?;
    stage.why(
        "What is not there can be made by somebody with CAP_MKNOD, which Docker leaves to root in a container. The
         wall is another one: with the devices controller, a filter of the cgroup, the kernel opens only these
         devices and terminals for it. In a user namespace mknod makes no device at all.",
        &[man("mknod", 2), man("pts", 4), man("cgroups", 7)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-m", "ls -l /dev"), "names and numbers");
    stage.pause("the container has a /dev")
}
// ANCHOR_END: six_devices

// ANCHOR: in_no_namespace
fn in_no_namespace(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("what is in no namespace");
    stage.say(
        "/proc and /sys are mounted for the namespaces of the container: its processes, its network. But much of what
         is in them is about the machine.",
    );
    container.go_on();
    stage.why(
        "A letter written to sysrq-trigger reboots the machine or ends its processes, kcore is its memory, and what
         core_pattern names is started by the kernel, as root and on the host, when a program crashes. These files
         know one wall only: they belong to the machine's root. It keeps an ordinary user out, also one who
         is root in a namespace of his own. It keeps out nobody who is root without one, as in Docker.",
        &[man("proc", 5), man("core", 5), man("proc_sys_kernel", 5)],
    );
    let grep = "grep -c . /proc/interrupts";
    stage.try_it(stage.scene().nsenter(container.pid(), "-m", grep), "lines in the container's file");
    stage.pause("the container's /proc and /sys are whole; nothing is covered yet")
}
// ANCHOR_END: in_no_namespace

// ANCHOR: covered
fn covered(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("covered, and read-only");
    stage.say(
        "What a container is not to see is covered: a file by a bind mount of /dev/null, a directory by an empty file
         system. What it is to see and not to change is bound onto itself, read-only. The lists are those of Docker.",
    );
    container.go_on();
    let covers = mount_points(container.pid())?;
    let over =
        covers.iter().filter(|point| point.starts_with("/proc/") || point.starts_with("/sys/f")).count();
    stage.measure("mounts over /proc and /sys", over, &format!("/proc/{}/mountinfo", container.pid()));
    stage.why(
        "A mount covers what is below it, and the file system below need know nothing of it: so this works for
         every file, also for one that a later kernel brings. The other way round it is a list, and a list can
         lack something: Docker has added to it again and again, at last /proc/interrupts.",
        &[man("mount", 2), man("null", 4)],
    );
    stage.try_it(format!("grep ' /proc/' /proc/{}/mountinfo", container.pid()), "the covers, as mounts");
    stage.pause("what tells about the machine is covered")
}
// ANCHOR_END: covered

// ANCHOR: who_may_uncover
fn who_may_uncover(stage: &mut Stage, mut container: Child) -> Result<()> {
    stage.step("who may uncover");
    stage.say("A cover is a mount. The process inside is root, and has every capability still.");
    container.go_on();
    let pid = container.pid();
    let powers = u64::from_str_radix(&status(pid, "CapEff")?.text, 16).unwrap_or(u64::MAX);
    let admin = powers & crate::kernel::capability::Set::SYS_ADMIN.bits() != 0;
    stage
        .check("it has lost CAP_SYS_ADMIN")
        .expect(false)
        .saw((admin, format!("/proc/{pid}/status CapEff")))?;
    stage.why(
        "The covers hold because of what comes after them: without CAP_SYS_ADMIN nobody mounts or unmounts. In a user
         namespace that a process makes inside, it has the capability again, but not over these mounts: they are
         locked there (EINVAL). And as long as a part of /proc is covered, the kernel mounts no second, whole one
         in it (EPERM).",
        &[man("capabilities", 7), man("mount_namespaces", 7), man("user_namespaces", 7)],
    );
    stage.try_it(format!("grep Cap /proc/{pid}/status"), "what is left: Docker's default");
    stage.pause("the covers are in place, and stay there")?;
    container.finish()
}
// ANCHOR_END: who_may_uncover
