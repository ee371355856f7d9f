//! Do: a process with a number inside that it does not have outside.

use crate::error::Result;
use crate::kernel::fs::write;
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::Clone3;
use crate::lab::{Exam, Kind, Lab, Record, Setting, lasting, program};
use crate::machine::Need;
use crate::probe::process::{id_map, namespace, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a process with other numbers inside",
    needs: &[Need::Namespace(Namespace::User)],
    begin,
    task,
    check,
    solve,
};

fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    setting.draw("uid", 101..=499);
    setting.draw("gid", 501..=899);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Start the program

  sleep {seconds}

as yourself, in a user namespace of its own. Inside, its user number is {uid} and its group number is {gid};
outside, both are yours. It must be running when you check. unshare(1) and echo are enough.",
        seconds = record.value("seconds"),
        uid = record.value("uid"),
        gid = record.value("gid"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let start = format!("unshare --user {} &", command(record));
    let found = exam.running(
        &command(record),
        ["unshare(1) starts a program in new namespaces".into(), "the flag is --user".into(), start.clone()],
    );
    let Some(pid) = found else { return Ok(()) };
    let (own, its) = (namespace("self", Namespace::User)?, namespace(pid, Namespace::User)?);
    exam.claim("its user namespace is its own", own.text != its.text, &its.text, &its.source)
        .mistake("it is in the same user namespace as you")
        .hints([
            "compare `readlink /proc/self/ns/user` with that of the process".to_string(),
            "unshare(1) has a flag for user namespaces: end the process, and start it with that".into(),
            format!("kill {pid}; {start}"),
        ]);
    for numbers in [USERS, GROUPS] {
        check_number(record, exam, pid, &numbers)?;
    }
    Ok(())
}

/// Users, or groups.
struct Numbers {
    what: &'static str,
    drawn: &'static str,
    field: &'static str,
    file: &'static str,
    /// The program's own number, for a shell.
    own: &'static str,
    /// What has to be written first.
    first: &'static str,
}

const USERS: Numbers =
    Numbers { what: "user", drawn: "uid", field: "Uid", file: "uid_map", own: "$(id -u)", first: "" };
const GROUPS: Numbers = Numbers {
    what: "group",
    drawn: "gid",
    field: "Gid",
    file: "gid_map",
    own: "$(id -g)",
    first: "echo deny > /proc/PID/setgroups; ",
};

/// The process's number inside is the drawn one, and its number outside that of whoever checks.
fn check_number(record: &Record, exam: &mut Exam, pid: u64, numbers: &Numbers) -> Result<()> {
    let Numbers { what, drawn, field, file, own, first } = numbers;
    let wanted = record.number(drawn);
    let map = id_map(pid, file)?;
    // The second number is the effective one: what counts.
    let outside = status(pid, field)?.numbers()[1];
    let inside = inside(&map.text, outside);
    let mine = status("self", field)?.numbers()[1];
    let mistake = match inside {
        None if map.text == "(empty)" => format!("{file} is empty: without a map it is nobody inside"),
        None if maps(&map.text).any(|(first, second, _)| (first, second) == (outside, wanted)) => {
            "the map is the wrong way round: the number inside comes first".into()
        }
        None => format!("its number outside, {outside}, is not in the map"),
        Some(0) => "it is root inside".into(),
        Some(_) if inside == Some(wanted) => {
            format!("outside it has the number {outside}, and that is not yours, {mine}")
        }
        Some(other) => format!("{other} is another number than {wanted}"),
    };
    let holds = inside == Some(wanted) && outside == mine;
    let seen = inside.map_or_else(|| format!("nobody; the map: {}", map.text), |number| number.to_string());
    let way = format!("{first}echo {wanted} {own} 1 > /proc/PID/{file}").replace("PID", &pid.to_string());
    let way =
        if map.text == "(empty)" { way } else { format!("kill {pid}; unshare --user {} &", command(record)) };
    exam.claim(format!("inside, its {what} is {wanted}"), holds, seen, &map.source).mistake(mistake).hints([
        format!("which number inside is which outside is in /proc/PID/{file}"),
        format!(
            "a line of it is: the number inside, the number outside, 1. It can be written once: if there is a \
             wrong one, start the program anew. Groups have a rule of their own: {first}then the map"
        ),
        way,
    ]);
    Ok(())
}

/// The lines of a map: the first number inside, the first outside, how many.
fn maps(text: &str) -> impl Iterator<Item = (u64, u64, u64)> {
    text.split(", ").filter_map(|line| {
        let mut numbers = line.split(' ').map(|word| word.parse().ok());
        Some((numbers.next()??, numbers.next()??, numbers.next()??))
    })
}

/// The number inside for one outside, if the map has it.
fn inside(text: &str, outside: u64) -> Option<u64> {
    let found = maps(text).find(|(_, first, count)| (*first..first + count).contains(&outside));
    found.map(|(inside, first, _)| inside + (outside - first))
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let own = |field: &str| -> Result<u64> { Ok(status("self", field)?.numbers()[1]) };
    let (uid, gid) = (own("Uid")?, own("Gid")?);
    let set = || {
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", format!("{} {uid} 1", record.value("uid")))?;
        Ok(write("/proc/self/gid_map", format!("{} {gid} 1", record.value("gid")))?)
    };
    let clone = Clone3::new().newuser();
    lasting(ledger, || program(clone, set, "/bin/sleep", &["sleep", record.value("seconds")]).map(drop))?;
    Ok(None)
}
