//! Fix: of three services, one can still gain privileges.

use crate::error::{Error, Result};
use crate::kernel::process::{Clone3, Sig, kill, set_no_new_privs};
use crate::kernel::{Errno, Pid};
use crate::lab::{Exam, Kind, Lab, Record, Setting, lasting, program};
use crate::machine::Need;
use crate::probe::process::{command_line, listed, lives, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "one of three services can gain privileges",
    needs: &[Need::NewPrivileges],
    begin,
    task,
    check,
    solve,
};

/// What the services are called in the record.
const SERVICES: [&str; 3] = ["one", "two", "three"];

fn begin(setting: &mut Setting) -> Result<()> {
    let mut seconds = vec![];
    for (nth, name) in SERVICES.into_iter().enumerate() {
        let from = 100_000 + 300_000 * nth as u64;
        seconds.push(setting.draw(name, from..=from + 299_999).to_string());
    }
    let free = setting.draw("free", 0..=SERVICES.len() as u64 - 1) as usize;
    setting.remember("seconds", seconds[free].clone());
    setting.hold(|_| {
        for (nth, seconds) in seconds.iter().enumerate() {
            let promise = || if nth == free { Ok(()) } else { Ok(set_no_new_privs()?) };
            program(Clone3::new(), promise, "/bin/sleep", &["sleep", seconds])?;
        }
        Ok(())
    })
}

fn task(record: &Record) -> String {
    let commands = SERVICES.map(|name| format!("  {}", command(record, name))).join("\n");
    format!(
        "Three services are running on this machine:

{commands}

None of them should ever gain privileges by executing a program. Two have promised that (no_new_privs), and one has been
forgotten. Find it, and see that it runs with the promise; nothing else is taken from it, and the other two go on as they
are. setpriv(1) is enough, with kill(1)."
    )
}

fn command(record: &Record, name: &str) -> String {
    format!("sleep {}", record.value(name))
}

/// Every process with this command line that lives.
fn all_running(command: &str) -> Result<Vec<u64>> {
    let is = |pid: &u64| command_line(pid).is_ok_and(|line| line.text == command);
    let lives = |pid: &u64| lives(pid).is_ok_and(|lives| lives.text == "yes");
    Ok(listed()?.into_iter().filter(|pid| is(pid) && lives(pid)).collect())
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let odd = record.value("seconds");
    for name in SERVICES {
        if record.value(name) == odd {
            check_repaired(record, exam)?
        } else {
            check_left_alone(record, exam, name)?
        }
    }
    Ok(())
}

/// One that was right from the beginning is still a child of the scene.
fn check_left_alone(record: &Record, exam: &mut Exam, name: &str) -> Result<()> {
    let command = command(record, name);
    let holder = record.holder_pid().to_string();
    let mut its = all_running(&command)?.into_iter().filter(|pid| is_child(*pid, &holder));
    let found = its.next();
    let seen = found.map_or("it has been ended".into(), |pid| format!("process {pid}"));
    exam.claim(format!("`{command}` goes on"), found.is_some(), seen, "/proc/*/cmdline")
        .mistake("this one had promised, and has been ended: `glassbox lab start no-new-privs` begins again")
        .hints([
            "each process says in /proc/PID/status whether it has promised",
            "only the one with NoNewPrivs: 0 has to be started anew",
            "glassbox lab start no-new-privs",
        ]);
    Ok(())
}

fn is_child(pid: u64, parent: &str) -> bool {
    status(pid, "PPid").is_ok_and(|reading| reading.text == parent)
}

fn check_repaired(record: &Record, exam: &mut Exam) -> Result<()> {
    let command = format!("sleep {}", record.value("seconds"));
    let way = |pid: u64| format!("kill {pid}; setpriv --no-new-privs {command} &");
    let start = format!("setpriv --no-new-privs {command} &");
    let hints = ["setpriv(1) starts a program that has promised", "its flag is --no-new-privs", &start];
    let Some(first) = exam.running(&command, hints) else { return Ok(()) };
    let running = all_running(&command)?;
    let bare = running.iter().find(|pid| status(pid, "NoNewPrivs").is_ok_and(|promise| promise.text == "0"));
    let mistake = if running.len() > 1 {
        "one has promised, and one that has not is running beside it"
    } else {
        "it has not promised: no call does that for another process, it has to be started anew"
    };
    let seen = if bare.is_some() { "0" } else { "1" };
    let source = format!("/proc/{}/status NoNewPrivs", bare.unwrap_or(&first));
    exam.claim(format!("`{command}` has promised"), bare.is_none(), seen, source).mistake(mistake).hints([
        "each process says in /proc/PID/status whether it has promised: grep NoNewPrivs".to_string(),
        "the promise is made before execve, and stays: end the process, and start it with setpriv(1)".into(),
        way(*bare.unwrap_or(&first)),
    ]);
    let pid = running.last().copied().unwrap_or(first);
    let (own, its) = (status("self", "CapBnd")?, status(pid, "CapBnd")?);
    exam.claim("nothing else was taken from it", own.text == its.text, &its.text, &its.source)
        .mistake("its bounding set is smaller than yours: that is another wall, and not what was asked for")
        .hints([
            "compare CapBnd in its status with that in your shell's".to_string(),
            "one flag of setpriv(1) is enough".into(),
            way(pid),
        ]);
    Ok(())
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let seconds = record.value("seconds");
    for pid in all_running(&format!("sleep {seconds}"))? {
        match kill(Pid::from_raw(pid as i32), Sig::SIGKILL) {
            Err(error) if error.errno != Errno::ESRCH => return Err(Error::from(error)),
            _ => {}
        }
    }
    let promised = || Ok(set_no_new_privs()?);
    lasting(ledger, || program(Clone3::new(), promised, "/bin/sleep", &["sleep", seconds]).map(drop))?;
    Ok(None)
}
