//! Find: how far the boot clock of a process is ahead.

use crate::error::Result;
use crate::kernel::fs;
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::clock::{Clock, now, offset};
use crate::probe::process::named;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "how far a process is ahead of its machine",
    needs: &[Need::Namespace(Namespace::Time)],
    begin,
    task,
    check,
    solve,
};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// A process with a name, in a time namespace whose two clocks are moved by different amounts.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "owl");
    let boottime = setting.draw("boottime", 500..=900) * DAY;
    let monotonic = setting.draw("monotonic", 100..=400) * DAY;
    setting.hold(move |_| {
        unshare(&[Namespace::Time])?;
        fs::write("/proc/self/timens_offsets", format!("monotonic {monotonic} 0\nboottime {boottime} 0"))?;
        resident(Clone3::new(), || Ok(set_name(&name)?)).map(drop)
    })
}

fn task(record: &Record) -> String {
    format!(
        "Somewhere on this machine runs a process with the name {name}. Asked for its uptime it would answer more
         than you do: it is in a time namespace. By how many days is its boot clock ahead of yours?\n\n
         Answer with\n\n  \
         glassbox lab check time DAYS",
        name = record.value("name"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(pid) = named(record.value("name")) else {
        exam.claim("the process is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset time`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start time"]);
        return Ok(());
    };
    let ahead = days(pid, "boottime")?;
    let answer = exam.answer.clone();
    let given = answer.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
    let right = given == Some(ahead);
    let up = now(Clock::Boottime)?.innermost().unwrap_or_default() / DAY;
    let mistake = match given {
        None => "an answer is a number: glassbox lab check time DAYS",
        Some(number) if number == days(pid, "monotonic")? => {
            "that is its monotonic clock: uptime is counted on the boot clock"
        }
        Some(number) if number == ahead * DAY => "that is in seconds: divide by those of a day",
        Some(number) if number == ahead * DAY / HOUR => "that is in hours",
        Some(number) if number == ahead + up => "that is all of its uptime: yours is in it",
        Some(number) if number == up => "that is your own uptime: the question is about the process",
        Some(_) => "neither of its clocks is moved by so much",
    };
    let seen = answer.map_or("no answer".into(), |answer| format!("your answer {answer}"));
    // Where that is, is part of the question.
    let source = if right { format!("/proc/{pid}/timens_offsets") } else { "/proc/PID".into() };
    exam.claim("the days by which its boot clock is ahead", right, seen, source).mistake(mistake).hints([
        format!("a process's name is in /proc/PID/comm: grep -l {} /proc/[0-9]*/comm", record.value("name")),
        "the kernel shows the offsets of both clocks in /proc/PID/timens_offsets, in seconds".into(),
        format!("grep boottime /proc/{pid}/timens_offsets: divide the first number by {DAY}"),
    ]);
    Ok(())
}

/// By how many days a clock of a process is moved.
fn days(pid: u64, clock: &str) -> Result<u64> {
    Ok(offset(pid, clock)?.numbers().first().copied().unwrap_or_default() / DAY)
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(pid) = named(record.value("name")) else { return Ok(None) };
    Ok(Some(days(pid, "boottime")?.to_string()))
}
