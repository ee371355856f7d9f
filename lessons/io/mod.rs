//! The io controller: how much may be written to a device in a second, and what of it the limit does not hold for.

mod lab;
mod props;

use std::time::{Duration, Instant};

use crate::event::{kernel_doc, man};
use crate::kernel::block::{Bulk, Loop};
use crate::kernel::cgroup::{Controller, Group, IO_PROCS, IO_WRITE_MAX, IO_WRITTEN};
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::process::{Clone3, Ended, Sig, execve, kill};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::block::{number, of_loop};
use crate::probe::cgroup::{of_device, written};
use crate::probe::files::device;
use crate::probe::process::status;
use crate::probe::{Reading, until};
use crate::stage::{Lesson, LessonGroup, Result, Stage};
use props::{
    MIB, TRIES, clear, gone, group, knows_page_cache, make_file_system, mib, owners_unknown, sleeper, speed,
    timed, unhindered, within,
};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "io",
    title: "Limits of input and output",
    minutes: 8,
    builds_on: &["memory"],
    steps: 4,
    needs: &[Need::Loop, Need::Controller(Controller::Io), Need::Program("dd"), Need::Program("mkfs.ext4")],
    run,
    lab: lab::LAB,
};

const SECOND: Duration = Duration::from_secs(1);
const DISK: u64 = 16 * MIB;
/// In a second.
const LIMIT: u64 = MIB;
/// What is written to the page cache: as much as the limit allows in a second.
const PAGES: u64 = LIMIT;
/// In a second: more than any disk takes.
const UNREACHED: u64 = 1 << 40;
/// What is read and written where no limit is.
const FREE: u64 = 4 * MIB;

fn run(stage: &mut Stage) -> Result<()> {
    let (disk, group) = for_one_device(stage)?;
    let limited = who_is_too_fast(stage, &disk, &group)?;
    one_device_one_way(stage, &disk, &group, limited)?;
    who_pays(stage, disk, group)
}

// ANCHOR: for_one_device
fn for_one_device(stage: &mut Stage) -> Result<(Loop, LessonGroup)> {
    stage.step("a limit for one device");
    stage.say(
        "We make a disk: the kernel takes a file for a block device, and that is a loop device. The file is in
         memory, in the lesson's own /tmp. While somebody has the device open, the file is behind it.",
    );
    let disk = stage.loop_device("disk", DISK)?;
    stage
        .state("the new device")
        .new(&of_loop(disk.path(), "backing_file")?, "its content")
        .new(&of_loop(disk.path(), "autoclear")?, "gone with the last descriptor")
        .show();
    stage.say(
        "A group of ours may write 1 MiB a second to it. The limit is a line in a file of the group, with the
         device and a number of bytes. We try three ways to say which device.",
    );
    let choices = ["by its name", "by the number of the file system on it", "by its own number"];
    let guess = stage.predict("How does the kernel want the device to be named?", &choices);

    let group = group(stage, "writers")?;
    let own = number(disk.path())?.varying();
    // What `stat` shows of a file is the number of its file system, which need not be that of a device.
    let of_files = device("/tmp")?;
    let before = of_device(&group, IO_WRITE_MAX, &own.text)?;
    let by_name = group.limit_device(IO_WRITE_MAX, &disk.path().display().to_string(), LIMIT).refused();
    let by_files = group.limit_device(IO_WRITE_MAX, &of_files.text, LIMIT).refused();
    let by_number = group.limit_device(IO_WRITE_MAX, &own.text, LIMIT).refused();
    stage.check("a name is not understood").expect(Errno::EINVAL).saw((by_name, "write()"))?;
    stage
        .check("the number of files in memory is no device's")
        .expect(Errno::ENODEV)
        .saw((by_files, "write()"))?;
    let after = of_device(&group, IO_WRITE_MAX, &own.text)?;
    stage.state("the limit").compare(&before, &after, "1 MiB a second").show();
    stage.check("the limit reads back").expect(LIMIT).saw(&after)?;
    let granted = [by_name, by_files, by_number].iter().position(Option::is_none);
    stage.reveal(
        guess,
        granted.map_or("", |at| choices[at]),
        "Major and minor number, as in `ls -l`. A device can have many names, and a container may have made them
         itself: what counts is the number. That of a file system is the same only where it is on a device.",
    )?;
    stage.why(
        "`docker run --device-write-bps /dev/sda:2mb` looks the number up and writes this line. There are four
         such limits for each device: bytes and operations, for reading and for writing.",
        &[
            kernel_doc("Control Group v2: IO", "admin-guide/cgroup-v2"),
            kernel_doc("Block IO Controller", "admin-guide/cgroup-v1/blkio-controller"),
            man("loop", 4),
        ],
    );
    stage.try_it(format!("ls -l {}", disk.path().display()), "its numbers, where others have a size");
    stage.try_it(format!("cat {}", group.path(IO_WRITE_MAX)?.display()), "the limit, read by you");
    stage.pause("a disk, and a group with a limit for it")?;
    Ok((disk, group))
}
// ANCHOR_END: for_one_device

// ANCHOR: who_is_too_fast
fn who_is_too_fast(stage: &mut Stage, disk: &Loop, group: &Group) -> Result<u64> {
    stage.step("who is too fast waits");
    stage.say(
        "At its limit of memory a process is killed, and at its limit of processes fork() fails. Now dd writes
         to the disk from within the group, again and again and as fast as it can.",
    );
    let guess = stage.predict(
        "What becomes of a program that writes too fast?",
        &["write() fails with EAGAIN", "write() takes longer", "it is killed"],
    );

    let device = number(disk.path())?.text;
    let writer = stage.child_in(group, "writer", Clone3::new(), |_| {
        let again = format!(
            "while dd if=/dev/zero of={} bs=64k count=128 oflag=direct 2>/dev/null; do :; done",
            disk.path().display()
        );
        Err(execve("/bin/sh", &["sh", "-c", &again], &[]).into())
    })?;
    let stat = || of_device(group, IO_WRITTEN, &device);
    until(stat, |bytes| bytes.text.parse().is_ok_and(|bytes: u64| bytes > 0))?;
    let before = stat()?.varying();
    let gauge = |bytes| stage.gauge("a second", bytes / 1024, LIMIT / 1024, "KiB");
    let near = |bytes| bytes >= LIMIT / 4 * 3;
    let bytes = within(TRIES, || speed(group, &device, SECOND, gauge), near)?;
    let after = stat()?.varying();
    let asleep = sleeper(group)?;
    stage
        .state("the group, and dd in it")
        .compare(&before, &after, "bytes, by the group's own account")
        .new(&asleep, "it waits for the device")
        .show();
    stage.measure("written in a second", mib(bytes), "the account, and the clock");
    let seen = Reading::new("speed", "the account, and the clock", bytes.to_string()).varying();
    stage
        .check("not more than the limit, but for a moment's worth")
        .expect_at_most(LIMIT / 4 * 5)
        .saw(&seen)?;
    stage.check("and near to it").expect_at_least(LIMIT / 4 * 3).saw(&seen)?;
    stage.check("dd sleeps in the meantime").expect("D (disk sleep)").saw(&asleep)?;
    // The shell would go on only while dd ends well.
    let alive = status(writer.pid(), "State")?;
    let observed =
        if alive.text.starts_with('Z') { "write() fails with EAGAIN" } else { "write() takes longer" };
    stage.reveal(
        guess,
        observed,
        "Time is something that can be waited for. The kernel puts the request into a queue and lets the process
         sleep until its turn has come. The program gets no error, and no other sign of it.",
    )?;
    stage.why(
        "State D is a sleep that no signal ends, not even SIGKILL: a process with a request in the queue is killed
         when the request is done. And it counts into the load of the machine: a load of 30 with idle CPUs can be
         thirty processes that wait for one slow disk, or for a limit.",
        &[
            kernel_doc("Control Group v2: IO", "admin-guide/cgroup-v2"),
            man("proc_pid_status", 5),
            man("proc_loadavg", 5),
        ],
    );
    stage.try_it(format!("cat {}", group.path(IO_WRITTEN)?.display()), "the account: look twice");
    stage.try_it(
        format!("ps -o stat,args -p $(paste -sd, {})", group.path(IO_PROCS)?.display()),
        "who waits: D",
    );
    stage.pause("dd writes, and writes")?;
    kill(writer.pid(), Sig::SIGKILL)?;
    let ended = writer.wait()?;
    let by_signal = Ended::Killed(Sig::SIGKILL).to_string();
    stage.check("SIGKILL ends the shell at once").expect(by_signal).saw((ended.to_string(), "wait4()"))?;
    stage.backstage(|| clear(group))?;
    Ok(bytes)
}
// ANCHOR_END: who_is_too_fast

// ANCHOR: one_device_one_way
fn one_device_one_way(stage: &mut Stage, disk: &Loop, group: &Group, limited: u64) -> Result<()> {
    stage.step("one device, one way");
    stage.say(
        "We attach a second disk, for which no limit is set. A process of the same group writes to it, and reads
         from the first one.",
    );
    let guess = stage.predict(
        "How fast does the group write to the second disk?",
        &[
            "as fast as the disk can",
            "1 MiB/s: the limit is the group's",
            "half of that: it is shared by the two disks",
        ],
    );

    let second = stage.loop_device("second", DISK)?;
    let mut member = stage.child_in(group, "member", Clone3::new(), |inside| {
        let write = || timed(FREE, || Bulk::open_direct(second.path())?.write(FREE as usize));
        let read = || timed(FREE, || Bulk::open_direct(disk.path())?.read(FREE as usize));
        let written = unhindered(inside, 2 * LIMIT, write)?;
        let read = unhindered(inside, 2 * LIMIT, read)?;
        let figure = |bytes: u64| bytes as f64 / MIB as f64;
        inside.chart(
            "4 MiB, without the page cache",
            "MiB/s",
            "open() and write() or read(), by the clock",
            &[
                ("writing to the first", figure(limited)),
                ("writing to the second", figure(written)),
                ("reading from the first", figure(read)),
            ],
        );
        let seen = |bytes: u64| Reading::new("speed", "the clock", bytes.to_string()).varying();
        inside.check("the second disk takes more than the limit").expect_at_least(2 * LIMIT).saw(&seen(written))?;
        inside.check("and the first one gives more").expect_at_least(2 * LIMIT).saw(&seen(read))?;
        let observed = match written {
            fast if fast >= 2 * LIMIT => "as fast as the disk can",
            slow if slow > LIMIT / 4 * 3 => "1 MiB/s: the limit is the group's",
            _ => "half of that: it is shared by the two disks",
        };
        inside.reveal(
            guess,
            observed,
            "A line is for one device and for one way. There is no limit for all that a group does: whoever wants
             one has to write a line for each disk, and another one when a disk is plugged in.",
        )?;
        inside.hold()
    })?;
    stage.why(
        "Each device has a queue, and requests wait there. A limit of bytes says nothing of what they cost: on a disk
         that turns, small pieces all over the place take a hundred times longer. For shares in place of
         limits there are io.weight and io.latency.",
        &[
            kernel_doc("Control Group v2: IO", "admin-guide/cgroup-v2"),
            kernel_doc("Block IO Controller", "admin-guide/cgroup-v1/blkio-controller"),
            man("open", 2),
        ],
    );
    let file = second.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    stage.try_it(
        format!("cat /sys/block/{file}/stat"),
        "what the second disk did: the 7th is sectors written",
    );
    stage.pause("two disks; the second one goes now")?;
    member.go_on();
    member.finish()?;
    second.close()?;
    gone(stage, "second")
}
// ANCHOR_END: one_device_one_way

// ANCHOR: who_pays
fn who_pays(stage: &mut Stage, disk: Loop, group: LessonGroup) -> Result<()> {
    stage.step("who pays for the page cache");
    if let Some(why) = owners_unknown()? {
        stage.skip("who pays for the page cache", why);
        stage.pause("a disk and its group, which go now")?;
        group.remove()?;
        disk.close()?;
        return gone(stage, "disk");
    }
    stage.say(
        "Until now every byte went straight to the device, with O_DIRECT. Hardly any program does that. We make a
         file system on the disk, and a process of the group writes 1 MiB to a file, as programs do.",
    );
    let guess = stage.predict(
        "The limit is 1 MiB a second. How long does write() take?",
        &["a second: the limit holds", "next to nothing", "two seconds: once to the cache, once to the disk"],
    );

    let device = number(disk.path())?.text;
    make_file_system(stage, &disk)?;
    fs::mkdir("files")?;
    mount(disk.path(), "files", "ext4", Flags::empty(), "")?;
    let mut writer = stage.child_in(&group, "writer", Clone3::new(), |inside| {
        let before = written(&group, &device)?;
        let file = Bulk::open("files/new")?;
        let begun = Instant::now();
        file.write(PAGES as usize)?;
        inside.measure("write() took", format!("{} ms", begun.elapsed().as_millis()), "the clock");
        let charged = written(&group, &device)? - before;
        let seen = Reading::new("", "the group's account", charged.to_string()).varying();
        inside.check("write() is back, and the disk has little of it").expect_at_most(PAGES / 2).saw(&seen)?;
        inside.reveal(
            guess,
            if charged <= PAGES / 2 { "next to nothing" } else { "a second: the limit holds" },
            "It was a copy in memory, to the page cache. Nobody has asked a device for anything, so there is nothing
             to slow down. The kernel writes it later, half a minute perhaps. fsync() waits for that:",
        )?;
        let begun = Instant::now();
        file.fsync()?;
        inside.measure("fsync() took", format!("{} ms", begun.elapsed().as_millis()), "the clock");
        let charged = written(&group, &device)? - before;
        let seen = Reading::new("", "the group's account", charged.to_string()).varying();
        inside.check("now the disk has it, at the group's expense").expect_at_least(PAGES).saw(&seen)?;
        inside.hold()?;
        file.write(PAGES as usize)?;
        inside.hold()
    })?;

    stage.say(
        "Again the process writes 1 MiB to the page cache. This time a neighbour calls fsync(). It is in another group,
         has not written a byte, and no limit is in its way.",
    );
    let choices = [
        "that of the group that wrote the pages",
        "that of the group that calls fsync()",
        "to nobody's at all",
    ];
    let guess = stage.predict("To which group's account do the 1 MiB go?", &choices);
    let neighbours = props::group(stage, "neighbours")?;
    let known = knows_page_cache()?;
    if !known {
        stage.say("Version 1 counts for groups that have a limit: theirs is one that nobody reaches.");
        neighbours.limit_device(IO_WRITE_MAX, &device, UNREACHED)?;
    }
    let accounts = || -> Result<[u64; 2]> { Ok([written(&group, &device)?, written(&neighbours, &device)?]) };
    let before = accounts()?;
    writer.go_on();
    let mut neighbour = stage.child_in(&neighbours, "neighbour", Clone3::new(), |inside| {
        let begun = Instant::now();
        Bulk::open("files/new")?.fsync()?;
        inside.measure("fsync() took", format!("{} ms", begun.elapsed().as_millis()), "the clock");
        inside.hold()
    })?;
    let after = accounts()?;
    let [writers, others] = [after[0] - before[0], after[1] - before[1]];
    let (who, paid, who_not, rest) = match known {
        true => ("the writer's", writers, "the neighbour's", others),
        false => ("the neighbour's", others, "the writer's", writers),
    };
    let seen = |bytes: u64| Reading::new("", "the two accounts", bytes.to_string()).varying();
    stage.check(format!("it went to the account of {who} group")).expect_at_least(PAGES).saw(&seen(paid))?;
    // Notes about the file itself are everybody's.
    stage.check(format!("and hardly anything to {who_not}")).expect_at_most(PAGES / 4).saw(&seen(rest))?;
    let observed = match [writers, others].map(|bytes| bytes >= PAGES / 2) {
        [true, _] => choices[0],
        [_, true] => choices[1],
        _ => choices[2],
    };
    stage.reveal(
        guess,
        observed,
        "Version 2 remembers with each page whose memory it is, if the memory controller is on, and so whose
         limit it is. Then the neighbour waits for the writer's limit. Version 1 knows only who asks the device, and
         that is whoever happens to write the cache back: mostly the kernel itself, which has no limit.",
    )?;
    stage.why(
        "So in version 1 a limit for writing holds for programs that use O_DIRECT or fsync(), such as databases, and
         for the others hardly ever. That was one reason to put all controllers into one tree: memory has to
         know of io.",
        &[
            kernel_doc("Control Group v2: Writeback", "admin-guide/cgroup-v2"),
            man("fsync", 2),
            man("open", 2),
        ],
    );
    stage.try_it(format!("cat {}", neighbours.path(IO_WRITTEN)?.display()), "the neighbour's account");
    stage.try_it("grep -E '^(Dirty|Writeback):' /proc/meminfo", "what waits to be written on this machine");
    stage.pause("the pages are on the disk; all of it goes now")?;
    neighbour.go_on();
    neighbour.finish()?;
    writer.finish()?;
    neighbours.remove()?;
    group.remove()?;
    umount2("files", UmountFlags::empty())?;
    disk.close()?;
    gone(stage, "disk")
}
// ANCHOR_END: who_pays
