//! Find: a process, and its number in a namespace that is not yours.

use crate::error::Result;
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::process::{named, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "a process, and its number two namespaces down",
    needs: &[Need::Namespace(Namespace::Pid)],
    begin,
    task,
    check,
    solve,
};

/// Number 1 of a namespace in a namespace, and some processes of which one has a name.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "fox");
    let earlier = setting.draw("earlier", 3..=12);
    let later = setting.draw("later", 2..=6);
    setting.hold(move |_| {
        let idle = |_| resident(Clone3::new(), || Ok(())).map(drop);
        let innermost = move || {
            (0..earlier).try_for_each(idle)?;
            resident(Clone3::new(), || Ok(set_name(&name)?))?;
            (0..later).try_for_each(idle)
        };
        let middle = || resident(Clone3::new().newpid(), innermost).map(drop);
        resident(Clone3::new().newpid(), middle).map(drop)
    })
}

fn task(record: &Record) -> String {
    format!(
        "Somewhere on this machine runs a process with the name {name}, in a PID namespace inside of a PID
         namespace. Which number does it have in its own, the innermost one?\n\n
         Answer with\n\n  \
         glassbox lab check pid NUMBER",
        name = record.value("name"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(pid) = named(record.value("name")) else {
        exam.claim("the process is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset pid`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start pid"]);
        return Ok(());
    };
    let numbers = status(pid, "NSpid")?.numbers();
    let answer = exam.answer.clone();
    let given = answer.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
    let right = given.is_some() && given == numbers.last().copied();
    let mistake = match given {
        None => "an answer is a number: glassbox lab check pid NUMBER",
        Some(number) if Some(&number) == numbers.first() => {
            "that is its number on the host: the one that you see from outside"
        }
        Some(number) if numbers.get(1) == Some(&number) => {
            "that is its number in the middle namespace: go one further down"
        }
        Some(_) => "the process has this number in none of its namespaces",
    };
    let seen = answer.map_or("no answer".into(), |answer| format!("your answer {answer}"));
    // Where that is, is part of the question.
    let source = if right { format!("/proc/{pid}/status NSpid") } else { "/proc/PID/status NSpid".into() };
    exam.claim("its number in the innermost namespace", right, seen, source).mistake(mistake).hints([
        format!("a process's name is in /proc/PID/comm: grep -l {} /proc/[0-9]*/comm", record.value("name")),
        "a process has one number for each namespace that sees it, and the kernel lists them all".into(),
        format!("grep NSpid /proc/{pid}/status: the last number is the innermost"),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(pid) = named(record.value("name")) else { return Ok(None) };
    Ok(status(pid, "NSpid")?.innermost().map(|number| number.to_string()))
}
