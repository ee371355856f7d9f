//! Fix: a group that is busy, and has to go without harm to the process in it.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::kernel::Pid;
use crate::kernel::cgroup::{Controller, Group, PIDS_PROCS};
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::cgroup::{hierarchies, named};
use crate::probe::process::{self, cgroup};
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a group that cannot be removed",
    needs: &[Need::Controller(Controller::Pids)],
    begin,
    task,
    check,
    solve,
};

const BELOW: [&str; 3] = ["web", "mail", "batch"];

/// A group with three below it, of which one has a process.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    let process = setting.draw_name("process", "fox");
    let group = Group::plan(&hierarchies()?, &name, &[Controller::Pids])?;
    setting.remember("path", group.path(PIDS_PROCS)?.with_file_name("").display().to_string());
    let below = BELOW.map(|name| group.below(name));
    for group in [&group].into_iter().chain(&below) {
        for dir in group.dirs() {
            setting.note(&Trace::Cgroup(dir.into()))?;
        }
        group.create()?;
    }
    let home = below[setting.draw("at", 0..=2) as usize].clone();
    setting.hold(move |_| {
        let work = || {
            home.join()?;
            Ok(set_name(&process)?)
        };
        resident(Clone3::new(), work).map(drop)
    })
}

fn task(record: &Record) -> String {
    format!(
        "The control group {name} is not needed any more, and rmdir says that it is busy: somewhere below it is
         the process {process}. Remove the group. The process has to live on, in a group that you make for it
         beside this one.\n\n
         This is the group:\n\n  \
         {path}",
        name = record.value("name"),
        process = record.value("process"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let (name, process) = (record.value("name"), record.value("process"));
    let path = PathBuf::from(record.value("path"));
    let Some(pid) = process::named(process) else {
        exam.claim(format!("{process} lives on"), false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: to move it would have been enough")
            .hints([
                "nothing has to end: a process can be moved to another group".into(),
                "the scene is spoilt: start it again".into(),
                "glassbox lab start cgroup-tree".to_string(),
            ]);
        return Ok(());
    };
    exam.claim(format!("{process} lives on"), true, pid.to_string(), format!("/proc/{pid}/comm"));
    check_place(name, &path, pid, exam)?;
    check_removed(&path, exam);
    Ok(())
}

fn check_place(name: &str, path: &Path, pid: u64, exam: &mut Exam) -> Result<()> {
    let place = cgroup(pid, "pids")?;
    let below = place.text.split('/').skip_while(|part| *part != name).nth(1);
    let inside = place.text.split('/').any(|part| part == name);
    let mistake = match below {
        None => format!("it is in {name} itself: one level up is still inside"),
        Some(below) => format!("it is still inside, in {below}"),
    };
    let beside = path.with_file_name(format!("{name}-out"));
    exam.claim(format!("it is outside of {name}"), !inside, &place.text, &place.source)
        .mistake(mistake)
        .hints([
            "a process leaves a group by being moved into another one".to_string(),
            format!("make a group beside {name}, and write the number of the process into its cgroup.procs"),
            format!("mkdir -p {0}; echo {pid} > {0}/cgroup.procs", beside.display()),
        ]);
    Ok(())
}

fn check_removed(path: &Path, exam: &mut Exam) {
    let left: Vec<PathBuf> =
        BELOW.map(|name| path.join(name)).into_iter().filter(|below| below.exists()).collect();
    let names: Vec<_> =
        left.iter().filter_map(|below| Some(below.file_name()?.to_string_lossy().into_owned())).collect();
    let mistake = match names.as_slice() {
        [] => "nothing is below it any more, and the group itself is left".into(),
        names => format!("it still has groups below it: {}", names.join(", ")),
    };
    let seen = if path.exists() { "it is there" } else { "no such group" };
    let all: Vec<_> = left.iter().map(PathBuf::as_path).chain([path]).collect();
    let all: Vec<_> = all.iter().map(|dir| dir.display().to_string()).collect();
    exam.claim("the group is gone", !path.exists(), seen, path.display().to_string()).mistake(mistake).hints(
        [
            "a group can be removed when it has neither processes nor groups below it".to_string(),
            "rmdir, from the inside out; the files in it go by themselves".to_string(),
            format!("rmdir {}", all.join(" ")),
        ],
    );
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let name = record.value("name");
    let Some(group) = named(name, Controller::Pids)? else { return Ok(None) };
    let beside = Group::plan(&hierarchies()?, &format!("{name}-out"), &[Controller::Pids])?;
    for dir in beside.dirs() {
        crate::error::doing("writing the lab's ledger", ledger.note(&Trace::Cgroup(dir.into())))?;
    }
    if !beside.path(PIDS_PROCS)?.exists() {
        beside.create()?;
    }
    if let Some(pid) = process::named(record.value("process")) {
        beside.add(Pid::from_raw(pid as i32))?;
    }
    for group in BELOW.map(|name| group.below(name)).iter().chain([&group]) {
        if group.path(PIDS_PROCS)?.exists() {
            group.remove()?;
        }
    }
    Ok(None)
}
