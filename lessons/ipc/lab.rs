//! Find: a message queue, by a key that more than one namespace has.

use crate::error::Result;
use crate::kernel::Pid;
use crate::kernel::ipc::{Missing, msgget, msgsnd};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, resident};
use crate::machine::Need;
use crate::probe::ipc::messages;
use crate::probe::process::named;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "a queue, and which of those with its key",
    needs: &[Need::Namespace(Namespace::Ipc)],
    begin,
    task,
    check,
    solve,
};

/// The length of every message: whoever answers with bytes is to be recognised.
const LENGTH: u64 = 8;

/// Three IPC namespaces with a queue of the same key, and in the right one a second queue.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "fox");
    let decoy = setting.draw_name("decoy", "owl");
    let key = setting.draw("key", 300_000_000..=2_000_000_000) as i32;
    setting.remember("hex", format!("{key:#x}"));
    let wanted = setting.draw("wanted", 4..=9);
    // All of them different, and none of them a number of bytes.
    let outer = setting.draw("outer", 10..=14);
    let other = setting.draw("other", 15..=19);
    let others = setting.draw("others", 20..=24);
    setting.hold(move |_| {
        unshare(&[Namespace::Ipc])?;
        fill(key, outer)?;
        resident(Clone3::new().newipc(), || {
            set_name(&decoy)?;
            fill(key, others)
        })?;
        resident(Clone3::new().newipc(), || {
            set_name(&name)?;
            fill(key + 1, other)?;
            fill(key, wanted)
        })?;
        Ok(())
    })?;
    let look = setting.mode().nsenter("PID", "-i", "COMMAND");
    setting.remember("look", look);
    Ok(())
}

/// Make a queue with this many messages in it.
fn fill(key: i32, count: u64) -> Result<()> {
    let queue = msgget(key, Missing::Create)?;
    (0..count).try_for_each(|_| Ok(msgsnd(queue, &"x".repeat(LENGTH as usize))?))
}

fn task(record: &Record) -> String {
    format!(
        "Somewhere on this machine runs a process with the name {name}. How many messages wait in the System V
         message queue with the key {hex}, as this process sees it?\n\n  \
         {look}\n\n\
         runs a command in the IPC namespace of a process. Answer with\n\n  \
         glassbox lab check ipc NUMBER",
        name = record.value("name"),
        hex = record.value("hex"),
        look = record.value("look"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(pid) = named(record.value("name")) else {
        exam.claim("the process is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset ipc`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start ipc"]);
        return Ok(());
    };
    let Some(wanted) = count(record, pid) else {
        exam.claim("the queue is there", false, "no queue with this key", "/proc/sysvipc/msg, read inside")
            .mistake("it was removed: `glassbox lab reset ipc`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start ipc"]);
        return Ok(());
    };
    let answer = exam.answer.clone();
    let given = answer.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
    let mistake = match given {
        None => "an answer is a number: glassbox lab check ipc NUMBER",
        Some(number) if number == LENGTH * wanted => "those are bytes, not messages",
        Some(number) if number == record.number("other") => "that is another queue: its key is higher by one",
        Some(number) if number == record.number("outer") || number == record.number("others") => {
            "that is a queue with this key, in the IPC namespace of another process"
        }
        Some(_) => "no queue with this key has so many messages, in whatever namespace",
    };
    let seen = answer.map_or("no answer".into(), |answer| format!("your answer {answer}"));
    exam.claim(
        "how many messages wait in the queue",
        given == Some(wanted),
        seen,
        "/proc/sysvipc/msg qnum, read inside",
    )
    .mistake(mistake)
    .hints([
        format!("a process's name is in /proc/PID/comm: grep -l {} /proc/[0-9]*/comm", record.value("name")),
        "`ipcs -q` and /proc/sysvipc/msg list the queues of whoever reads them: read them from inside".into(),
        look(record, pid),
    ]);
    Ok(())
}

/// The way to see it.
fn look(record: &Record, pid: u64) -> String {
    let command = record.value("look").replace("PID", &pid.to_string()).replace("COMMAND", "ipcs -q");
    format!("{command}, in the line of {}", record.value("hex"))
}

/// How many messages wait, as this process sees it.
fn count(record: &Record, pid: u64) -> Option<u64> {
    let key = record.number("key") as i32;
    let asked = ask_inside(Pid::from_raw(pid as i32), || Ok(messages(key)?.text));
    asked.ok()?.parse().ok()
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let pid = named(record.value("name"));
    Ok(pid.and_then(|pid| count(record, pid)).map(|count| count.to_string()))
}
