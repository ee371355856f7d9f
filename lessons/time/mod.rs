//! Time namespaces: how long the machine has been up, and what time it is, are two questions.

mod lab;

use crate::event::man;
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::clock::{Clock, now, offset, uptime};
use crate::probe::process::{children, namespace, namespace_for_children};
use crate::stage::{Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "time",
    title: "Time namespace",
    minutes: 6,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Time)],
    run,
    lab: lab::LAB,
};

const OFFSETS: &str = "/proc/self/timens_offsets";
const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;

fn run(stage: &mut Stage) -> Result<()> {
    nobody_inside(stage)?;
    too_late(stage)?;
    ten_years_ahead(stage)?;
    not_before_boot(stage)
}

// ANCHOR: nobody_inside
fn nobody_inside(stage: &mut Stage) -> Result<()> {
    stage.step("made, and nobody inside");
    stage.say(
        "Older books count seven kinds of namespace. Linux 5.6 brought the eighth: a time namespace moves the
         clocks that count from boot. A process makes one with unshare().",
    );
    let guess = stage.predict(
        "unshare(CLONE_NEWTIME) has succeeded. Who is in the new namespace?",
        &["the process that called it", "nobody yet"],
    );

    let maker = stage.child("maker", Clone3::new(), |maker| {
        let own = namespace("self", Kind::Time)?;
        let childrens = namespace_for_children("self", Kind::Time)?;
        unshare(&[Kind::Time])?;
        let own_now = namespace("self", Kind::Time)?;
        let childrens_now = namespace_for_children("self", Kind::Time)?;
        maker
            .state("kernel state")
            .compare(&own, &own_now, "the maker stays where it was")
            .compare(&childrens, &childrens_now, "new, for children to come")
            .show();
        maker.check("the maker has not entered it").expect(&own).saw(&own_now)?;
        maker.check("its children will be in another one").expect_other_than(&own).saw(&childrens_now)?;
        let observed = if own == own_now { "nobody yet" } else { "the process that called it" };
        maker.reveal(
            guess,
            observed,
            "Programs rely on it that these clocks never jump: every timeout is counted on them. So the kernel
             does not move them for a process that runs already. The first child is born inside.",
        )?;
        maker.hold()
    })?;
    let offset = offset(maker.pid(), "boottime")?;
    stage.check("in the new namespace the clocks are not moved yet").expect("0 0").saw(&offset)?;
    stage.why(
        "It is made for checkpoint and restore: CRIU moves a running container to another machine, which was
         booted at another time, and its timers have to go on as if nothing had been. Docker and Podman do not
         make time namespaces. A process that executes another program begins anew, and so newer kernels let it
         enter then, too.",
        &[man("time_namespaces", 7), man("unshare", 2)],
    );
    stage.try_it(format!("ls -l /proc/{}/ns", maker.pid()), "time and time_for_children are two namespaces");
    stage.pause("a namespace is there, and nobody is in it")?;
    maker.finish()
}
// ANCHOR_END: nobody_inside

// ANCHOR: too_late
fn too_late(stage: &mut Stage) -> Result<()> {
    stage.step("too late");
    stage.say(
        "The clocks of a namespace are moved by writing to timens_offsets, a file in /proc. First the wrong way
         round: make the namespace, start a process in it, then set its clock.",
    );
    let guess = stage.predict(
        "A process is inside. Now root moves its boot clock. The kernel",
        &["moves it", "moves it for later children only", "refuses"],
    );

    let maker = stage.child("maker", Clone3::new(), |maker| {
        unshare(&[Kind::Time])?;
        let first = maker.child("first", Clone3::new(), |first| first.hold())?;
        let before = offset("self", "boottime")?;
        let refused = fs::write(OFFSETS, format!("boottime {YEAR} 0")).refused();
        let after = offset("self", "boottime")?;
        maker.state("kernel state").compare(&before, &after, "").show();
        maker.check("it is too late").expect(Errno::EACCES).saw((refused, OFFSETS))?;
        maker.check("the boot clock is not moved").expect("0 0").saw(&after)?;
        let observed = match refused {
            Some(_) => "refuses",
            None => "moves it",
        };
        maker.reveal(
            guess,
            observed,
            "With the first process the offsets are frozen for as long as the namespace lives, for root too. A
             clock that could be moved later would jump for somebody.",
        )?;
        maker.hold()?;
        first.finish()
    })?;
    stage.why(
        "EACCES, and not EPERM: it is not a question of who asks. To write at all one needs CAP_SYS_TIME over the
         namespace, which an ordinary user has in a user namespace of his own.",
        &[man("time_namespaces", 7), man("capabilities", 7)],
    );
    stage.try_it(format!("cat /proc/{}/timens_offsets", maker.pid()), "both offsets, and both are 0");
    stage.pause("a process is inside, and its clocks are frozen")?;
    maker.finish()
}
// ANCHOR_END: too_late

// ANCHOR: ten_years_ahead
fn ten_years_ahead(stage: &mut Stage) -> Result<()> {
    stage.step("ten years ahead");
    stage.say(
        "Now in the right order: make it, move the clocks, start a process. The monotonic clock goes a year
         ahead, the boot clock ten.",
    );
    let guess = stage.predict(
        "The boot clock is ten years ahead. What does `date` say inside?",
        &["a date in ten years", "today"],
    );
    let outside = now_all()?;

    let maker = stage.child("maker", Clone3::new(), |maker| {
        unshare(&[Kind::Time])?;
        fs::write(OFFSETS, format!("monotonic {YEAR} 0\nboottime {} 0", 10 * YEAR))?;
        let container = maker.child("container", Clone3::new(), |inside| {
            let (here, up) = (now_all()?, uptime()?);
            inside
                .side_by_side("clocks, in seconds", "host", "container")
                .compare(&outside[0], &here[0], "moved by ten years")
                .compare(&outside[1], &here[1], "moved by one year")
                .compare(&outside[2], &here[2], "the wall clock: one for all")
                .show();
            let moved = |clock: usize| (days_between(&outside[clock], &here[clock]), &here[clock].source);
            inside.check("the boot clock is 3650 days ahead").expect(3650).saw(moved(0))?;
            inside.check("the monotonic clock is 365 days ahead").expect(365).saw(moved(1))?;
            inside.check("the wall clock is 0 days ahead").expect(0).saw(moved(2))?;
            let up = (days_between(&outside[0], &up), &up.source);
            inside.check("uptime is 3650 days more than outside").expect(3650).saw(up)?;
            let observed = if moved(2).0 == 0 { "today" } else { "a date in ten years" };
            inside.reveal(
                guess,
                observed,
                "No namespace holds the wall clock. There is one for the machine; whoever may set it sets it
                 for every container. A time namespace moves only what counts from boot: uptime, timers, timeouts.",
            )?;
            inside.hold()
        })?;
        maker.hold()?;
        container.finish()
    })?;
    let host = days_between(&outside[0], &now(Clock::Boottime)?);
    stage
        .check("the host's boot clock has not moved")
        .expect(0)
        .saw((host, "clock_gettime(CLOCK_BOOTTIME)"))?;
    stage.why(
        "Nothing was mounted: unlike the list of processes, /proc/uptime is about whoever reads it. The clock is
         read without a system call, from pages that the kernel maps into every process; in the namespace it
         maps other ones, with the offsets.",
        &[man("time_namespaces", 7), man("clock_gettime", 2), man("vdso", 7)],
    );
    let container = children(maker.pid())?.first().copied().unwrap_or_default();
    stage.try_it(stage.scene().nsenter(container, "-T", "uptime -p"), "up for ten years");
    stage.try_it(stage.scene().nsenter(container, "-T", "date"), "and it is today");
    stage.pause("the container waits, ten years after boot")?;
    maker.finish()
}

fn now_all() -> Result<[Reading; 3]> {
    Ok([now(Clock::Boottime)?, now(Clock::Monotonic)?, now(Clock::Realtime)?])
}

/// Whole days between two readings in seconds, the earlier one first.
fn days_between(before: &Reading, after: &Reading) -> u64 {
    let seconds = |reading: &Reading| reading.innermost().unwrap_or_default();
    seconds(after).saturating_sub(seconds(before)) / DAY
}
// ANCHOR_END: ten_years_ahead

// ANCHOR: not_before_boot
fn not_before_boot(stage: &mut Stage) -> Result<()> {
    stage.step("not before its beginning");
    stage.say(
        "A container comes from a machine that was booted today, to one that has been up for a year: its clock
         has to be set back. This machine's boot is less than ten years ago. How far back does it go?",
    );
    let guess = stage.predict(
        "The boot clock is set back by ten years. The kernel",
        &["counts below zero", "lets it begin at 0", "refuses"],
    );

    let maker = stage.child("maker", Clone3::new(), |maker| {
        unshare(&[Kind::Time])?;
        let before = offset("self", "boottime")?;
        let refused = fs::write(OFFSETS, format!("boottime -{} 0", 10 * YEAR)).refused();
        maker.check("before its zero there is no time").expect(Errno::ERANGE).saw((refused, OFFSETS))?;
        let unchanged = offset("self", "boottime")?;
        maker.check("nothing has been moved").expect(&before).saw(&unchanged)?;
        fs::write(OFFSETS, "boottime -1 0")?;
        let after = offset("self", "boottime")?;
        maker.state("kernel state").compare(&before, &after, "a second back").show();
        maker.check("a second back is no problem").expect("-1 0").saw(&after)?;
        let observed = match (refused, unchanged.text.as_str()) {
            (Some(_), _) => "refuses",
            (None, "0 0") => "lets it begin at 0",
            (None, _) => "counts below zero",
        };
        maker.reveal(
            guess,
            observed,
            "The kernel adds the offset to the clock at this moment, and takes only what comes out at zero or
             more. From there the clock can only go on, so that nobody inside ever reads a negative time.",
        )?;
        maker.hold()
    })?;
    stage.why(
        "As long as nobody is inside, the offsets may be written again and again; the last one counts. The OCI
         runtime specification has them as timeOffsets. unshare(1) has --boottime and --monotonic.",
        &[man("time_namespaces", 7), man("unshare", 1)],
    );
    stage.try_it(format!("cat /proc/{}/timens_offsets", maker.pid()), "the offset, read by you");
    stage.pause("a namespace that is a second behind; nobody has entered")?;
    maker.finish()
}
// ANCHOR_END: not_before_boot
