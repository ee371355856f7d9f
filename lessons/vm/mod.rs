//! The other answer: a machine that is simulated, and a kernel of its own on it. From the same files.

mod costs;
mod instance;
mod lab;

use std::path::Path;
use std::time::Duration;

use crate::event::{kernel_doc, man};
use crate::image::{initramfs, tiny};
use crate::kernel::arch::HERE;
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Ended, Sig};
use crate::kernel::{Errno, Pid, Refused, fs};
use crate::machine::Need;
use crate::probe::files::{length, listing, space};
use crate::probe::memory::total;
use crate::probe::process::{children, command_line, program, status};
use crate::probe::{Reading, file, kernel_image};
use crate::stage::{Lesson, Result, Stage};

use costs::{Cost, five_rows, in_kib, in_mib, number};
use instance::{ARCHIVE, INIT, Instance, MEMORY, TREE, UPPER};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "vm",
    title: "A virtual machine",
    minutes: 9,
    builds_on: &["process"],
    steps: 6,
    needs: &[
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Proc,
        Need::Overlay,
        Need::Program("mount"),
        Need::Program(HERE.machine.qemu),
        Need::KernelImage,
    ],
    run,
    lab: lab::LAB,
};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const MOTD: &str = "made once";

fn run(stage: &mut Stage) -> Result<()> {
    one_tree(stage)?;
    let mut pair = two_starts(stage)?;
    two_kernels(stage, &mut pair)?;
    seen_from_the_host(stage, &mut pair)?;
    what_it_costs(stage, &mut pair)?;
    number_one_ends(stage, pair)
}

/// The same files, started in two ways.
struct Pair {
    container: Instance,
    vm: Instance,
}

// ANCHOR: one_tree
fn one_tree(stage: &mut Stage) -> Result<()> {
    stage.step("one tree of files, and no kernel");
    stage.say(
        "A container and a virtual machine are going to start from the same files: some programs of this machine, the
         libraries that they need, and a script which is going to be process 1. For the virtual machine we pack them
         into one file, from which a kernel can unpack them.",
    );
    [TREE, UPPER, "work", "merged"].iter().try_for_each(fs::mkdir)?;
    let tiny = stage.backstage(|| tiny::build(Path::new(TREE)))?;
    stage.backstage(|| {
        fs::create(format!("{TREE}/init"), INIT)?;
        fs::create(format!("{TREE}/etc/motd"), format!("{MOTD}\n"))
    })?;
    stage.output("tiny/init, the script", INIT);
    stage.state("the files").new(&listing(TREE)?.varying(), "a root directory").show();
    stage.say("A machine that is switched on looks for a kernel. We look for one among these files.");
    let refused = fs::open(format!("{TREE}/boot/vmlinuz")).map(drop).refused();
    stage.check("there is no kernel among them").expect(Errno::ENOENT).saw((refused, "open()"))?;
    let image = kernel_image::path();
    stage.measure("the kernel that we take instead", in_mib(number(&length(&image)?)), "stat()");
    let archive = initramfs::pack(Path::new(TREE))?;
    stage.backstage(|| fs::create(ARCHIVE, archive))?;
    let packed = length(ARCHIVE)?.varying();
    stage.measure("the files in one", in_mib(number(&packed)), ARCHIVE);
    stage.check("it holds every one of them").expect_at_least(tiny.bytes).saw(&packed)?;
    stage.why(
        "Every Linux boots so: the boot loader brings a kernel and an archive, the initramfs, and the kernel unpacks
         it into its memory. As a rule a script in there looks for the disk. Ours needs none.",
        &[kernel_doc("Ramfs, rootfs and initramfs", "filesystems/ramfs-rootfs-initramfs"), man("bootup", 7)],
    );
    stage.pause("the tree is in /tmp/tiny, the archive beside it")
}
// ANCHOR_END: one_tree

// ANCHOR: two_starts
fn two_starts(stage: &mut Stage) -> Result<Pair> {
    stage.step("two starts");
    stage.say(
        "QEMU is a program that plays a computer. We give it the kernel and the archive. Then we make a container with
         five namespaces and the same tree. The clock runs from clone3() to the first line that process 1 writes, the
         same line of the same script.",
    );
    let guess = stage.predict(
        "How much longer does the virtual machine take?",
        &["about as long", "up to ten times as long", "more than ten times as long"],
    );
    let (vm, executed_by) = Instance::guest(stage)?;
    let container = Instance::container(stage)?;
    let (left, right) = (container.start, vm.start);
    stage.measure("the guest runs", executed_by, "how QEMU was started");
    let bars = [("container", milliseconds(left)), ("virtual machine", milliseconds(right))];
    stage.chart("from clone3() to the first line", "ms", "one start each, with this narration", &bars);
    let reading = Reading::new("start", "the virtual machine's start, in µs", right.as_micros().to_string());
    stage
        .check("the container was there first")
        .expect_at_least(left.as_micros() as u64)
        .saw(&reading.varying())?;
    let observed = match right.as_secs_f64() / left.as_secs_f64() {
        ..2.0 => "about as long",
        2.0..10.0 => "up to ten times as long",
        _ => "more than ten times as long",
    };
    stage.reveal(
        guess,
        observed,
        "The container's first line comes after some system calls. Before the guest's, firmware ran, a kernel unpacked
         itself, counted its memory, looked for devices, and unpacked the archive.",
    )?;
    stage.why(
        "With KVM the processor executes the guest's instructions itself; without it QEMU translates each of them, and
         everything takes several times as long. The boot stays in either case: a kernel has much to do before its
         first process.",
        &[kernel_doc("KVM", "virt/kvm/api"), man("clone", 2)],
    );
    let both = format!("{},{}", container.pid(), vm.pid());
    stage.try_it(format!("ps -o pid,ppid,nlwp,rss,comm -p {both}"), "both, as the host lists them");
    stage.pause("a container and a virtual machine are running")?;
    Ok(Pair { container, vm })
}
// ANCHOR_END: two_starts

// ANCHOR: two_kernels
fn two_kernels(stage: &mut Stage, Pair { container, vm }: &mut Pair) -> Result<()> {
    stage.step("one kernel, and another one");
    stage.say(
        "Both are a shell with the number 1, and do what we type. We let each of them read a file of the tree, and
         then what its kernel says of itself and of the machine.",
    );
    let guess = stage.predict(
        "How much memory does each find in its /proc/meminfo?",
        &[
            "both all that the host has",
            "both a share of their own",
            "the container the host's, the guest its own",
        ],
    );
    let (boot, memory) = (file(BOOT_ID)?.varying(), in_kib(total()?));
    let motd =
        [container.read("/etc/motd")?, vm.read("/etc/motd")?].map(|seen| Reading { varies: false, ..seen });
    let boots = [container.read(BOOT_ID)?, vm.read(BOOT_ID)?];
    let releases = [container.read("/proc/sys/kernel/osrelease")?, vm.read("/proc/sys/kernel/osrelease")?];
    let uptimes = [container.read("/proc/uptime")?, vm.read("/proc/uptime")?];
    let memories = [in_kib(container.read("/proc/meminfo")?), in_kib(vm.read("/proc/meminfo")?)];
    stage
        .side_by_side("read by each", "container", "virtual machine")
        .compare(&motd[0], &motd[1], "one tree")
        .compare(&beginning(&boots[0], '-'), &beginning(&boots[1], '-'), "its beginning")
        .compare(&releases[0], &releases[1], "the kernel")
        .compare(&beginning(&uptimes[0], ' '), &beginning(&uptimes[1], ' '), "in seconds")
        .compare(&memories[0], &memories[1], "in KiB")
        .show();
    stage.check("both read the same file").expect(MOTD).saw(&motd[1])?;
    stage.check("the container reads the host's boot_id").expect(&boot).saw(&boots[0])?;
    stage.check("the guest reads another one").expect_other_than(&boot).saw(&boots[1])?;
    let given = MEMORY * 1024;
    stage.check("the guest has no more memory than it was given").expect_at_most(given).saw(&memories[1])?;
    let observed = match memories.map(|seen| seen.text == memory.text) {
        [true, true] => "both all that the host has",
        [true, false] => "the container the host's, the guest its own",
        _ => "both a share of their own",
    };
    stage.reveal(
        guess,
        observed,
        "Whoever reads /proc asks a kernel. The container asks the host's, which tells of the whole machine: no
         namespace divides the memory. The guest asks the kernel that was booted for it, and that one has seen nothing
         but what QEMU shows.",
    )?;
    stage.why(
        "So a program in a container that asks how much memory there is, to take half of it, takes too much. The limit
         is in its control group, and has to be read there. Some runtimes mount files of lxcfs over /proc/meminfo and
         /proc/uptime, to hide the difference. The lab of this lesson is about that.",
        &[man("proc_meminfo", 5), man("random", 4)],
    );
    let enter = stage.scene().nsenter(container.pid(), "-m -u -i -n -p", "cat /proc/uptime");
    stage.try_it(enter, "how long your kernel has been up, read in the container");
    stage.pause("two kernels are running")
}
/// As much of a reading as fits into a table.
fn beginning(reading: &Reading, end: char) -> Reading {
    Reading { text: reading.text.split(end).next().unwrap_or_default().into(), ..reading.clone() }
}
// ANCHOR_END: two_kernels

// ANCHOR: seen_from_the_host
fn seen_from_the_host(stage: &mut Stage, Pair { container, vm }: &mut Pair) -> Result<()> {
    stage.step("what the host sees");
    stage.say(
        "In each of them we count the processes that its kernel lists. Then we look for number 1, `/bin/sh /init`, on
         the host's list: below the process that we made for the container, and below the other one.",
    );
    let guess = stage.predict(
        "How many of the guest's processes does `ps` on the host show?",
        &["all of them, under other numbers", "number 1 alone", "none: it shows QEMU"],
    );
    let (inside, outside) = (counted(container)?, counted(vm)?);
    let (left, right) = (number_ones(container.pid())?, number_ones(vm.pid())?);
    let (its, own) = (program(container.pid())?.varying(), program(vm.pid())?.varying());
    let threads = [status(container.pid(), "Threads")?, status(vm.pid(), "Threads")?.varying()];
    stage
        .side_by_side("two processes", "container", "virtual machine")
        .compare(&inside, &outside, "counted inside")
        .compare(&left, &right, "on the host's list")
        .compare(&its.labelled("program"), &own.labelled("program"), "that the host runs")
        .compare(&threads[0], &threads[1].clone().labelled("threads"), "of that program")
        .show();
    stage.check("the container's number 1 is a process of the host's").expect("1").saw(&left)?;
    stage.check("the guest's number 1 is not").expect("0").saw(&right)?;
    stage.check("and yet the guest has processes").expect_at_least(1).saw(&outside)?;
    let observed = match right.text.as_str() {
        "0" => "none: it shows QEMU",
        "1" => "number 1 alone",
        _ => "all of them, under other numbers",
    };
    stage.reveal(
        guess,
        observed,
        "What runs in the guest is scheduled by the guest's kernel. For the host all of it is one process with some
         threads, and the guest's memory is that process's memory. It cannot tell a shell from a web server in there.",
    )?;
    stage.why(
        "That is the wall, and its price. A debugger on the host, or a kill(), reaches into every container and into
         no guest. And a guest reaches the host through the few devices that QEMU plays, not through the hundreds of
         system calls that a container may make.",
        &[man("ps", 1), man("proc_pid_status", 5)],
    );
    stage.pause("the guest's processes are in one of the host's")
}

/// How many processes its kernel lists.
fn counted(instance: &mut Instance) -> Result<Reading> {
    let answer = instance.ask("set -- /proc/[0-9]*; echo $#")?;
    Ok(Reading::new("processes", "/proc, counted by number 1", answer).varying())
}

/// How many processes that execute the script the host has at or below a process.
fn number_ones(pid: Pid) -> Result<Reading> {
    let is_one = |pid: &u64| command_line(pid).is_ok_and(|line| line.text == "/bin/sh /init");
    let number = children(pid)?.into_iter().chain([pid.as_raw() as u64]).filter(is_one).count();
    Ok(Reading::new("/bin/sh /init", format!("/proc/{pid}/cmdline, and its children's"), number.to_string()))
}
// ANCHOR_END: seen_from_the_host

// ANCHOR: what_it_costs
fn what_it_costs(stage: &mut Stage, Pair { container, vm }: &mut Pair) -> Result<()> {
    stage.step("what one more costs");
    stage.say(
        "What does each take that it shares with nobody? Memory is what the host's kernel has given to the process. As
         for files, the guest has all of them for itself, and the container has what it writes: we let it write one.
         And we let both count to 20,000.",
    );
    container.ask("echo written > /etc/written")?;
    let left = Cost::of(container, space(format!("{UPPER}/etc/written"))?)?;
    let right = Cost::of(vm, length(ARCHIVE)?)?;
    let bars = |left: &Reading, right: &Reading, unit: f64| {
        [("container", number(left) as f64 / unit), ("virtual machine", number(right) as f64 / unit)]
    };
    let source = "Pss in /proc/PID/smaps_rollup";
    stage.chart("memory", "MiB", source, &bars(&left.memory, &right.memory, 1024.0));
    let source = "the upper layer, and the archive";
    stage.chart("files of its own", "KiB", source, &bars(&left.disk, &right.disk, 1024.0));
    let limit = number(&right.memory);
    stage.check("the container takes less memory").expect_at_most(limit).saw(&left.memory)?;
    let limit = number(&right.disk);
    stage.check("the container takes less space").expect_at_most(limit).saw(&left.disk)?;
    stage.say(
        "Textbooks compare the two in five rows. Here they are with what was measured now; the last column is what the
         books say. How many there can be is the free memory, divided by what one takes.",
    );
    five_rows(stage, &left, &right)?;
    stage.why(
        "The books mean an installed system, with a disk of some gigabytes and services that start one after the
         other. A guest with a single program, as here, is ready in the time that its kernel takes. And a container's
         gigabytes are in its image: shared by all containers from it, so that one more costs what it writes.",
        &[man("proc_pid_smaps", 5), kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.pause("both are still running")
}
// ANCHOR_END: what_it_costs

// ANCHOR: number_one_ends
fn number_one_ends(stage: &mut Stage, Pair { container, vm }: Pair) -> Result<()> {
    stage.step("number 1 ends");
    stage.say(
        "In the guest, too, there is a process that must not end: number 1. We let it execute `exit 3`.",
    );
    let guess = stage.predict(
        "What does the guest do without its number 1?",
        &["it goes on with the others", "it switches itself off", "its kernel panics"],
    );
    const PANIC: &str = "Kernel panic";
    let boot = file(BOOT_ID)?.varying();
    let (console, ended) = vm.exit()?;
    let last = console.lines().find_map(|line| line.find(PANIC).map(|at| line[at..].trim_end()));
    stage.output("the guest's console", last.unwrap_or("nothing"));
    stage
        .check("the guest's kernel has panicked")
        .saw((last.is_some_and(|line| line.contains("init")), "its console"))?;
    stage
        .check("QEMU ended as it was told to")
        .expect(Ended::Exited(0).to_string())
        .saw((ended.to_string(), "wait4()"))?;
    stage.check("the host's kernel goes on").expect(&boot).saw(&file(BOOT_ID)?.varying())?;
    let observed = if last.is_some() { "its kernel panics" } else { "it switches itself off" };
    stage.reveal(
        guess,
        observed,
        "A kernel without a process 1 cannot go on, and says so on the console. That was the guest's. The host has lost
         a process.",
    )?;
    stage.say(
        "The container's number 1 is a process of the host's. We kill it, and the container is no more.",
    );
    let ended = container.end()?;
    stage
        .check("the container was killed")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((ended.to_string(), "wait4()"))?;
    stage.why(
        "The last row of the table is about this moment. If a program in a container makes the kernel panic, through
         a fault of the kernel's, it is the host's kernel, and everything on the machine stops. So whoever runs
         programs of strangers puts containers into virtual machines: Kata Containers and Firecracker do, and each
         cloud.",
        &[man("pid_namespaces", 7), kernel_doc("Kernel parameters: panic", "admin-guide/kernel-parameters")],
    );
    stage.pause("nothing of the two is left")
}
// ANCHOR_END: number_one_ends

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
