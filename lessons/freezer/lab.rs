//! Fix: a process that stands still, and no signal helps.

use crate::error::Result;
use crate::kernel::cgroup::{Controller, FREEZER_ASKED, FREEZER_PROCS, FREEZER_SWITCH, Group, Version};
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::cgroup::{control, frozen, hierarchies, named, stands_still};
use crate::probe::process;
use crate::probe::until;
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a process that stands still",
    needs: &[Need::Controller(Controller::Freezer)],
    begin,
    task,
    check,
    solve,
};

/// The groups below the one that has the drawn name, each in the one before.
const BELOW: [&str; 2] = ["site", "web"];

/// The group with the drawn name, and those below it: the process is in the last.
fn groups(outer: Group) -> [Group; 3] {
    let middle = outer.below(BELOW[0]);
    let inner = middle.below(BELOW[1]);
    [outer, middle, inner]
}

/// Its own group is frozen, and one above it.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    let process = setting.draw_name("process", "fox");
    let above = setting.draw("above", 0..=1) as usize;
    let groups = groups(Group::plan(&hierarchies()?, &name, &[Controller::Freezer])?);
    for group in &groups {
        for dir in group.dirs() {
            setting.note(&Trace::Cgroup(dir.into()))?;
        }
        group.create()?;
    }
    let [.., home] = groups.clone();
    setting.remember("path", home.path(FREEZER_PROCS)?.with_file_name("").display().to_string());
    setting.hold(move |_| {
        let work = || {
            home.join()?;
            Ok(set_name(&process)?)
        };
        resident(Clone3::new(), work).map(drop)
    })?;
    for group in [&groups[above], &groups[2]] {
        group.freeze(true)?;
    }
    until(|| frozen(&groups[2]), stands_still)?;
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "The process {process} does nothing any more. It has not ended, it is not stopped, and it reacts to no
         signal. Let it run again, where it is: it has to stay in its group.\n\n
         This is its group:\n\n  \
         {path}",
        process = record.value("process"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let process = record.value("process");
    let path = record.value("path");
    let there = named(record.value("name"), Controller::Freezer)?.zip(process::named(process));
    let Some((outer, pid)) = there else {
        exam.claim(format!("{process} lives"), false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: it should run again")
            .hints([
                "nothing has to end here",
                "the scene is spoilt: start it again",
                "glassbox lab start freezer",
            ]);
        return Ok(());
    };
    let groups = groups(outer);
    let [.., home] = &groups;
    exam.claim(format!("{process} lives"), true, pid.to_string(), format!("/proc/{pid}/comm"));
    let members = control(home, FREEZER_PROCS).map_or(vec![], |members| members.numbers());
    exam.claim("it is in its group", members.contains(&pid), numbers(&members), path)
        .mistake("it was moved out: in there everything still stands still")
        .hints([
            "the group has to run, and the process in it".to_string(),
            "write its number into cgroup.procs of its group".into(),
            format!("echo {pid} > {}", home.path(FREEZER_PROCS)?.display()),
        ]);
    check_runs(&groups, exam)
}

fn numbers(members: &[u64]) -> String {
    let text = members.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "nobody".into() } else { text }
}

fn check_runs(groups: &[Group; 3], exam: &mut Exam) -> Result<()> {
    let [.., home] = groups;
    let told = |group: &&Group| control(group, FREEZER_ASKED).is_ok_and(|asked| asked.text == "1");
    let told: Vec<&Group> = groups.iter().filter(told).collect();
    let own = home.path(FREEZER_SWITCH)?;
    // With all switches off, the kernel may need a moment.
    let state =
        if told.is_empty() { until(|| frozen(home), |state| !stands_still(state))? } else { frozen(home)? };
    let own_is_on = control(home, FREEZER_ASKED)?.text == "1";
    let mistake = if own_is_on {
        "its group is frozen, and no signal changes that"
    } else {
        "its own group is not told to stand still any more, but a group above it is"
    };
    let off = match home.version(Controller::Freezer)? {
        Version::V2 => "0",
        Version::V1 => "THAWED",
    };
    let switches =
        told.iter().map(|group| group.path(FREEZER_SWITCH)).collect::<crate::kernel::Result<Vec<_>>>();
    let ways = switches?.iter().map(|file| format!("echo {off} > {}", file.display())).collect::<Vec<_>>();
    exam.claim("its group runs", !stands_still(&state), &state.text, &state.source).mistake(mistake).hints([
        "not the process was stopped, but its group was frozen".to_string(),
        format!("{} is the switch; and a group stands still as well when one above it does", own.display()),
        ways.join("; "),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let outer = named(record.value("name"), Controller::Freezer)?;
    outer.map_or(Ok(()), |outer| groups(outer).iter().try_for_each(|group| group.freeze(false)))?;
    Ok(None)
}
