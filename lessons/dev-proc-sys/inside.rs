//! The container's own part. Each `hold` lets the host look.

use std::path::Path;

use super::IMAGE;
use crate::container::masks::{self, MASKED, READ_ONLY};
use crate::container::{devices, root};
use crate::kernel::cgroup::{Hierarchies, Layout};
use crate::kernel::fs::AccessFlags;
use crate::kernel::mount::{UmountFlags, bind, make_private, umount2};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::{Errno, Refused, capability, fs};
use crate::probe::files::{kind, listing, tells};
use crate::probe::{Reading, file};
use crate::stage::{Prediction, Result, Shown, Stage};

/// Counts the interrupts of every processor.
const INTERRUPTS: &str = "/proc/interrupts";
/// A setting of the machine: which program the kernel starts when one has crashed.
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";
/// A setting that is in a namespace, that of the network.
const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
/// What can be reached and had better not be. Not every kernel has the first two.
const DANGEROUS: [(&str, AccessFlags); 3] = [
    ("/proc/sysrq-trigger", AccessFlags::W_OK),
    ("/proc/kcore", AccessFlags::R_OK),
    (CORE_PATTERN, AccessFlags::W_OK),
];

/// What the learner expects, and what the host has seen.
pub(super) struct Expectations {
    pub(super) null: Prediction,
    pub(super) machine: Machine,
}

/// The same files, as the host finds them.
pub(super) struct Machine {
    interrupts: Reading,
    reach: Vec<Reading>,
}

impl Machine {
    pub(super) fn look(stage: &Stage) -> Result<Self> {
        Ok(Self { interrupts: interrupts()?, reach: stage.backstage(dangerous) })
    }
}

// ANCHOR: contained
pub(super) fn contained(inside: &mut Stage, expected: Expectations) -> Result<()> {
    unshare(&[Kind::Cgroup])?;
    make_private("/")?;
    bind(IMAGE, IMAGE)?;
    root::enter(Path::new(IMAGE))?;
    thrown_away(inside, expected.null)?;
    inside.hold()?;

    devices::populate_dev(inside.scene().mode)?;
    what_devices_do(inside)?;
    inside.hold()?;

    devices::mount_proc()?;
    devices::mount_sys(layout())?;
    root::forget_old_root()?;
    about_the_machine(inside, &expected.machine)?;
    inside.hold()?;

    cover(inside)?;
    inside.hold()?;

    uncover(inside)?;
    inside.hold()
}
// ANCHOR_END: contained

fn layout() -> Layout {
    Hierarchies::detect().map_or(Layout::None, |hierarchies| hierarchies.layout())
}

fn thrown_away(inside: &Stage, guess: Prediction) -> Result<()> {
    let written = fs::create("/dev/null", "away with it\n").refused();
    let left = file("/dev/null")?;
    inside.check("what was thrown away can be read").expect("away with it").saw(&left)?;
    let observed = match (written, left.text.as_str()) {
        (Some(_), _) => "ENOENT: there is no such file",
        (None, "") => "it is gone, as always",
        (None, _) => "it is kept, in a file",
    };
    inside.reveal(
        guess,
        observed,
        "There was no such name in the directory, and whoever writes makes it. A null device takes everything and
         keeps nothing because of a driver, not because of its name.",
    )
}

// ANCHOR: devices
fn what_devices_do(inside: &Stage) -> Result<()> {
    inside.check("null is a device").expect("character device 1:3").saw(&kind("/dev/null")?)?;
    inside.check("and keeps nothing").expect("nothing").saw(&tells("/dev/null"))?;
    let full = fs::write("/dev/full", "x").refused();
    inside.check("full is always full").expect(Errno::ENOSPC).saw((full, "write()"))?;

    inside.check("there is no terminal").expect("ptmx").saw(&listing("/dev/pts")?)?;
    let terminal = fs::open("/dev/ptmx")?;
    inside.check("the first one has the number 0").expect("0  ptmx").saw(&listing("/dev/pts")?)?;
    drop(terminal);

    let guess = inside.predict(
        "There is no /dev/mem, the machine's memory. May root in here make it, with mknod?",
        &["it may", "EPERM"],
    );
    let refused = fs::mknod("/dev/mem", 1, 1).refused();
    let (observed, why) = match refused {
        None => (
            "it may",
            "That a name is missing is no wall for somebody who can make it. Whether the device can be opened is for
             the cgroup to say; here nobody opens it.",
        ),
        Some(_) => (
            "EPERM",
            "A device node leads to a driver, whatever namespace it is made in. So only the machine's root may make
             one, and root in a user namespace is somebody else.",
        ),
    };
    inside.reveal(guess, observed, why)?;
    if refused.is_none() {
        fs::unlink("/dev/mem")?;
    }
    Ok(())
}
// ANCHOR_END: devices

// ANCHOR: about_the_machine
fn about_the_machine(inside: &Stage, machine: &Machine) -> Result<()> {
    let interrupts = interrupts()?;
    let guess = inside.predict(
        "In the container's own /proc: what does interrupts tell?",
        &["nothing: it has no interrupts", "those of the whole machine"],
    );
    inside.check("it lists what the host's lists").expect(&machine.interrupts).saw(&interrupts)?;
    let same = interrupts == machine.interrupts;
    inside.reveal(
        guess,
        if same { "those of the whole machine" } else { "nothing: it has no interrupts" },
        "Of what is in /proc, only some is divided: processes, mounts, the network, System V objects. For the rest
         there is one answer, whoever asks.",
    )?;

    let guess = inside
        .predict("May root in here write to /proc/sys/kernel/core_pattern?", &["it may", "EACCES", "EROFS"]);
    let reached = inside.depending_on_machine(dangerous);
    let table = inside.side_by_side("access()", "host", "container");
    let pairs = machine.reach.iter().zip(&reached);
    pairs.fold(table, |table, (host, its)| table.compare(host, its, "")).show();
    for (host, its) in machine.reach.iter().zip(&reached) {
        inside.check(format!("{} is as it is outside", its.label)).expect(host).saw(its)?;
    }
    let core = &reached[DANGEROUS.len() - 1].text;
    inside.reveal(
        guess,
        if core == "granted" { "it may" } else { core },
        "The file belongs to the machine's root. Root in a container of Docker is that very user; root in a user
         namespace is not, and is kept out by the permissions of the file.",
    )?;
    let own = reach(FORWARD, AccessFlags::W_OK);
    inside.check("a setting of its own network it may change").expect("granted").saw(&own)
}

/// How each of the dangerous files answers whoever asks.
fn dangerous() -> Vec<Reading> {
    let reach = |(path, mode): &(&str, _)| reach(path, *mode);
    // A kernel may be without the others.
    let varies = |reading: Reading| if reading.label == CORE_PATTERN { reading } else { reading.varying() };
    DANGEROUS.iter().map(reach).map(varies).collect()
}
// ANCHOR_END: about_the_machine

/// What `access` says of a path.
fn reach(path: &str, mode: AccessFlags) -> Reading {
    let how = if mode == AccessFlags::W_OK { "W_OK" } else { "R_OK" };
    Reading::new(path, format!("access {path} {how}"), fs::access(path, mode).refused().shown())
}

/// How many interrupts there are, the first and the last; how often each has come changes all the time.
fn interrupts() -> Result<Reading> {
    let whole = file(INTERRUPTS)?;
    let names: Vec<&str> = whole.text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let [first, .., last] = names.as_slice() else { return Ok(whole) };
    Ok(Reading { text: format!("{} lines, {first} to {last}", names.len()), ..whole }.varying())
}

// ANCHOR: cover
fn cover(inside: &Stage) -> Result<()> {
    let (told_before, written_before) = (told(), inside.depending_on_machine(written));
    inside.depending_on_machine(masks::apply)?;
    let (told, written) = (told(), inside.depending_on_machine(written));
    show(inside, "what can be read", &told_before, &told);
    show(inside, "what can be written", &written_before, &written);

    let talks = |reading: &&Reading| !matches!(reading.text.as_str(), "nothing" | "ENOENT");
    let talking = told.iter().filter(talks).count();
    inside.check("what is covered tells nothing").expect(0usize).saw((talking, "read()"))?;
    let writable = written.iter().filter(|reading| reading.text == "granted").count();
    inside.check("what is protected cannot be written").expect(0usize).saw((writable, "access()"))?;
    let forward = reach(FORWARD, AccessFlags::W_OK);
    inside.check("not even the settings of its own network").expect(Errno::EROFS).saw(&forward)?;
    inside.check("but they can be read").expect("content").saw(&tells(FORWARD))?;
    inside.check("a cover is a device").expect("character device 1:3").saw(&kind(INTERRUPTS)?)
}

fn show(inside: &Stage, title: &str, before: &[Reading], after: &[Reading]) {
    let note = |reading: &Reading| if reading.varies { "if the kernel has it" } else { "" };
    let rows = before.iter().zip(after);
    rows.fold(inside.state(title), |table, (before, after)| table.compare(before, after, note(after))).show();
}

/// What comes of reading each path that is to be covered.
fn told() -> Vec<Reading> {
    // The others are not on every kernel.
    let everywhere = |path: &str| matches!(path, INTERRUPTS | "/proc/timer_list" | "/sys/firmware");
    let tells = |path: &&str| if everywhere(path) { tells(path) } else { tells(path).varying() };
    MASKED.iter().map(tells).collect()
}

/// What comes of writing to each path that is to be protected, and to two that are below one of them.
fn written() -> Vec<Reading> {
    let everywhere = |path: &str| !matches!(path, "/proc/bus" | "/proc/sysrq-trigger");
    let reach = |path: &&str| reach(path, AccessFlags::W_OK);
    let reach = |path| if everywhere(path) { reach(&path) } else { reach(&path).varying() };
    READ_ONLY.into_iter().chain([CORE_PATTERN, FORWARD]).map(reach).collect()
}
// ANCHOR_END: cover

// ANCHOR: uncover
fn uncover(inside: &Stage) -> Result<()> {
    let guess = inside.predict(
        "Root in here unmounts the cover of /proc/interrupts. What does the kernel say?",
        &["it is uncovered", "EPERM", "EBUSY"],
    );
    let refused = umount2(INTERRUPTS, UmountFlags::empty()).refused();
    let uncovered = tells(INTERRUPTS);
    inside.check("it can be read again").expect("content").saw(&uncovered)?;
    inside.reveal(
        guess,
        &refused.map_or("it is uncovered".into(), |errno| errno.shown()),
        "A cover keeps out nobody who may unmount it. It is half of a wall, and the other half is to take that
         power away.",
    )?;
    bind("/dev/null", INTERRUPTS)?;
    capability::capset(capability::DOCKER_DEFAULT)?;
    let refused = umount2(INTERRUPTS, UmountFlags::empty()).refused();
    inside.check("without the capability it is refused").expect(Errno::EPERM).saw((refused, "umount2()"))?;
    inside.check("the cover stays").expect("nothing").saw(&tells(INTERRUPTS))
}
// ANCHOR_END: uncover
