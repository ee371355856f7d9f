//! Find: where a process really is that sees itself at the root.

use crate::error::Result;
use crate::kernel::cgroup::Group;
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::process::set_name;
use crate::lab::{Exam, Kind, Lab, Record, Setting};
use crate::machine::Need;
use crate::probe::cgroup::hierarchies;
use crate::probe::process::cgroup;
use crate::trace::{Ledger, Trace};

use super::CONTROLLER;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "the group of a process that sees itself at the root",
    needs: &[Need::Namespace(Namespace::Cgroup), Need::Controller(CONTROLLER)],
    begin,
    task,
    check,
    solve,
};

/// A process in a group with a drawn name, which is the root of its cgroup namespace.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lair");
    let process = setting.draw_name("process", "fox");
    let group = Group::plan(&hierarchies()?, &name, &[CONTROLLER])?;
    setting.note(&Trace::StudentCgroups(name))?;
    group.create()?;
    setting.hold(move |_| {
        group.join()?;
        unshare(&[Namespace::Cgroup])?;
        Ok(set_name(&process)?)
    })?;
    let enter = setting.nsenter("-C", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Somewhere on this machine runs a process with the name {process}. It has a cgroup namespace of its own,
         and takes its group for the root of the tree. This shows you the tree as it sees it:\n\n  \
         {enter}\n\n
         In which group is it really, in the tree that counts processes (the controller pids)? The answer is the
         whole path from the root that you see.\n\n
         Answer with\n\n  \
         glassbox lab check cgroup-ns PATH",
        process = record.value("process"),
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let truth = cgroup(record.holder_pid(), CONTROLLER.name())?;
    let answer = exam.answer.clone().unwrap_or_default();
    let given = answer.trim();
    let mistake = match given {
        "" => "an answer is a path: glassbox lab check cgroup-ns PATH",
        "/" => "that is how it looks from inside: every group is the root of a namespace made in it",
        path if path.starts_with("/..") => {
            "that is read from inside; the path begins at the root that you see"
        }
        path if path.starts_with("/sys/") => {
            "that is the directory; the path begins where the tree is mounted"
        }
        path if truth.text.ends_with(&format!("/{path}")) => {
            "that is the end of it: the whole path begins with /"
        }
        _ => "it is in another group",
    };
    let right = given == truth.text;
    let seen = if given.is_empty() { "no answer".into() } else { format!("your answer {given}") };
    // Where that is, is part of the question.
    let source = if right { truth.source } else { "/proc/PID/cgroup".into() };
    exam.claim("the group that it is in", right, seen, source).mistake(mistake).hints([
        format!(
            "a process's name is in /proc/PID/comm: grep -lx {} /proc/[0-9]*/comm",
            record.value("process")
        ),
        "the path is worked out for whoever reads it: do not go inside".into(),
        format!("grep -E 'pids|^0' /proc/{}/cgroup: what comes after the second colon", record.holder_pid()),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    Ok(Some(cgroup(record.holder_pid(), CONTROLLER.name())?.text))
}
