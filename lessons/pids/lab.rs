//! Find: how often the kernel has said no.

use crate::error::{Error, Result};
use crate::kernel::Errno;
use crate::kernel::cgroup::{Controller, Group, PIDS_CURRENT, PIDS_MAX, PIDS_PROCS};
use crate::kernel::process::{Clone3, Sig, kill};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::cgroup::{control, fork_refusals, hierarchies, named};
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "how often a fork was refused",
    needs: &[Need::Controller(Controller::Pids)],
    begin,
    task,
    check,
    solve,
};

/// A full group, some of whose processes are dead, and forks that were refused.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    let limit = setting.draw("limit", 8..=12);
    let dead = setting.draw("dead", 2..=4);
    let refused = setting.draw("refused", 20..=90);
    let group = Group::plan(&hierarchies()?, &name, &[Controller::Pids])?;
    setting.remember("path", group.path(PIDS_PROCS)?.with_file_name("").display().to_string());
    for dir in group.dirs() {
        setting.note(&Trace::Cgroup(dir.into()))?;
    }
    group.create()?;
    group.limit_pids(limit)?;
    let idle = || resident(Clone3::new(), || Ok(()));
    let crowd = move || {
        group.join()?;
        let made = (1..limit).map(|_| idle()).collect::<Result<Vec<_>>>()?;
        // Nobody waits for these.
        made.iter().take(dead as usize).try_for_each(|pid| kill(*pid, Sig::SIGKILL))?;
        for _ in 0..refused {
            match idle() {
                Err(Error::Kernel(error)) if error.errno == Errno::EAGAIN => {}
                Err(other) => return Err(other),
                Ok(_) => return Err(Error::Lesson("the limit does not hold".into())),
            }
        }
        Ok(())
    };
    setting.hold(move |_| resident(Clone3::new(), crowd).map(drop))
}

fn task(record: &Record) -> String {
    format!(
        "The control group {name} is full, and a program in it has tried to make more processes all the same. How
         many times has the kernel refused?\n\n
         This is the group:\n\n  \
         {path}\n\n
         Answer with\n\n  \
         glassbox lab check pids NUMBER",
        name = record.value("name"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let path = record.value("path");
    let Some(group) = named(record.value("name"), Controller::Pids)? else {
        exam.claim("the group is there", false, "no such group", path)
            .mistake("it was removed: `glassbox lab reset pids`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start pids"]);
        return Ok(());
    };
    let refusals = fork_refusals(&group)?;
    let number = |which| control(&group, which).ok().and_then(|reading| reading.text.parse::<u64>().ok());
    let answer = exam.answer.clone();
    let given = answer.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
    let right = given.is_some() && given == refusals.text.parse().ok();
    let members = control(&group, PIDS_PROCS)?.numbers().len() as u64;
    let mistake = match given {
        None => "an answer is a number: glassbox lab check pids NUMBER",
        given if given == number(PIDS_MAX) => "that is the limit, not how often it was met",
        given if given == number(PIDS_CURRENT) => "that is how many processes count against the limit",
        Some(given) if given == members => "that is how many processes are alive in the group",
        Some(_) => "the kernel has counted another number",
    };
    let seen = answer.map_or("no answer".into(), |answer| format!("your answer {answer}"));
    // Which file that is, is part of the question.
    let source = if right { &refusals.source } else { path };
    exam.claim("how often a fork was refused", right, seen, source).mistake(mistake).hints([
        "the kernel counts it, for each group".to_string(),
        "pids.max is the limit, pids.current how many there are; a third file is for events".to_string(),
        format!("grep max {path}pids.events"),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let group = named(record.value("name"), Controller::Pids)?;
    Ok(group.map(|group| fork_refusals(&group)).transpose()?.map(|refusals| refusals.text))
}
