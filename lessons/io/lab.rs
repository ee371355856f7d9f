//! Fix: a backup that writes too fast.

use std::time::Duration;

use super::props::{speed, within};
use crate::error::Result;
use crate::kernel::block::{Bulk, Loop};
use crate::kernel::cgroup::{Control, Controller, Group, IO_PROCS, IO_READ_MAX, IO_WRITE_MAX, IO_WRITTEN};
use crate::kernel::fs;
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, busy};
use crate::machine::Need;
use crate::probe;
use crate::probe::block::{number, with_file};
use crate::probe::cgroup::{control, hierarchies, named, of_device};
use crate::probe::process::{self, status};
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a backup that writes too fast",
    needs: &[Need::Loop, Need::Controller(Controller::Io)],
    begin,
    task,
    check,
    solve,
};

const KIB: u64 = 1024;
/// So much is written at once. With any limit that is a number, a process in the queue comes out of it again.
const PIECE: usize = 16 << 10;
/// Between two of them, so that nothing but the disk is busy.
const REST: Duration = Duration::from_millis(1);

fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    let process = setting.draw_name("process", "backup");
    let allowed = setting.draw("allowed", 100..=200) * KIB;
    let file = format!("{name}-disk");
    setting.note(&Trace::LoopFile(file.clone()))?;
    let group = Group::plan(&hierarchies()?, &name, &[Controller::Io])?;
    setting.remember("path", group.path(IO_PROCS)?.with_file_name("").display().to_string());
    for dir in group.dirs() {
        setting.note(&Trace::Cgroup(dir.into()))?;
    }
    group.create()?;
    setting.hold(|_| {
        fs::create_sparse(&file, 1 << 20)?;
        let disk = Loop::attach(&file)?;
        // The wrong way, as somebody thought. And the kernel has a reason to count.
        group.limit_device(IO_READ_MAX, &number(disk.path())?.text, allowed)?;
        let work = || {
            group.join()?;
            set_name(&process)?;
            let device = Bulk::open_direct(disk.path())?;
            Ok(move || {
                // A disk that is full, or gone, is nothing that a backup could do anything about.
                let _ = device.write(PIECE);
                std::thread::sleep(REST);
            })
        };
        busy(Clone3::new(), work)?;
        // The process that holds the scene holds the disk.
        std::mem::forget(disk);
        Ok(())
    })
}

fn task(record: &Record) -> String {
    format!(
        "The process {process} makes a backup. It writes to its disk so fast that nobody else gets on. Slow it down:
         it may write at most {allowed} KiB a second, and has to go on writing, at half of that at least. It
         must not be stopped, and has to stay in its group.\n\n
         Somebody has tried already. This is the group:\n\n  \
         {path}",
        process = record.value("process"),
        allowed = record.value("allowed"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let process = record.value("process");
    let found = named(record.value("name"), Controller::Io)?.zip(process::named(process));
    let disk = with_file(&format!("{}-disk", record.value("name"))).pop();
    let Some(((group, pid), disk)) = found.zip(disk) else {
        exam.claim(format!("{process} lives"), false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: it should go on, and more slowly")
            .hints([
                "nothing has to end here",
                "the scene is spoilt: start it again",
                "glassbox lab start io",
            ]);
        return Ok(());
    };
    exam.claim(format!("{process} lives"), true, pid.to_string(), format!("/proc/{pid}/comm"));
    let members = control(&group, IO_PROCS)?;
    exam.claim("it is in its group", members.numbers().contains(&pid), &members.text, &members.source)
        .mistake("it was moved out of its group")
        .hints([
            "the limit belongs into the group in which it was".to_string(),
            "write its number into cgroup.procs of its group".into(),
            format!("echo {pid} > {}", members.source),
        ]);
    check_speed(record, exam, &group, pid, &number(&disk)?.text)
}

fn check_speed(record: &Record, exam: &mut Exam, group: &Group, pid: u64, device: &str) -> Result<()> {
    const MOMENTS: usize = 3;
    const WINDOW: Duration = Duration::from_secs(2);
    let allowed = record.number("allowed");
    // What the kernel lets through at once weighs more in two seconds than in an hour.
    let most = allowed * KIB / 5 * 7;
    let enough = |bytes| bytes >= allowed * KIB / 2;
    let bytes = within(MOMENTS, || speed(group, device, WINDOW, |_| ()), enough)?;
    let stopped = status(pid, "State")?.text.starts_with(['T', 't']);
    let file = group.path(IO_WRITE_MAX)?.display().to_string();
    let key = IO_WRITE_MAX.key(group.version(Controller::Io)?).map_or(String::new(), |key| format!("{key}="));
    let limit = [
        "a limit is for one device and for one way: which device is it, and which way?".to_string(),
        format!(
            "ls -l /proc/{pid}/fd shows the device, cat /sys/block/*/dev the numbers; the limit is {file}"
        ),
        format!("echo '{device} {key}{}' > {file}", allowed * KIB),
    ];
    let go_on = [
        "it does not have to stand still: it has to go on".to_string(),
        "a process that was stopped goes on with the signal SIGCONT".into(),
        format!("kill -CONT {pid}"),
    ];
    let seen = format!("{} KiB/s", bytes / KIB);
    let source = group.path(IO_WRITTEN)?.display().to_string();
    exam.claim(format!("it writes at most {allowed} KiB a second"), bytes <= most, &seen, &source)
        .mistake(too_fast(group, device, allowed)?)
        .hints(limit.clone());
    let mistake = if stopped {
        "it was stopped: it should go on, and more slowly".into()
    } else {
        too_slow(group, device, allowed)?
    };
    exam.claim("and at least half of that", enough(bytes), seen, source).mistake(mistake).hints(if stopped {
        go_on
    } else {
        limit
    });
    Ok(())
}

/// The limit for a device, in bytes a second, if one is set.
fn limit(group: &Group, which: Control, device: &str) -> Result<Option<u64>> {
    Ok(of_device(group, which, device)?.text.parse().ok())
}

fn too_fast(group: &Group, device: &str, allowed: u64) -> Result<String> {
    let lines = probe::file(group.path(IO_WRITE_MAX)?)?.text;
    let devices = lines.lines().filter(|line| !line.contains("wbps=max"));
    let other = devices.filter_map(|line| line.split(' ').next()).find(|other| *other != device);
    Ok(match (limit(group, IO_WRITE_MAX, device)?, other) {
        (Some(bytes), _) if bytes == allowed * KIB * KIB => {
            format!("{allowed} MiB a second are a thousand times as much")
        }
        (Some(bytes), _) => format!("the limit is {} KiB a second", bytes / KIB),
        (None, Some(other)) => format!("the limit is for the device {other}, and it writes to {device}"),
        (None, None) if limit(group, IO_READ_MAX, device)?.is_some() => {
            let version = group.version(Controller::Io)?;
            format!("what is limited is reading, {}, and it writes", IO_READ_MAX.named(version))
        }
        (None, None) => "there is no limit for writing".into(),
    })
}

fn too_slow(group: &Group, device: &str, allowed: u64) -> Result<String> {
    Ok(match limit(group, IO_WRITE_MAX, device)? {
        Some(bytes) if bytes == allowed => format!("the unit is bytes: the limit is {bytes} bytes a second"),
        Some(bytes) if bytes < allowed * KIB => format!("the limit is {bytes} bytes a second"),
        _ => "something else keeps it from writing".into(),
    })
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let group = named(record.value("name"), Controller::Io)?;
    let disk = with_file(&format!("{}-disk", record.value("name"))).pop();
    if let (Some(group), Some(disk)) = (group, disk) {
        group.limit_device(IO_WRITE_MAX, &number(&disk)?.text, record.number("allowed") * KIB)?;
    }
    Ok(None)
}
