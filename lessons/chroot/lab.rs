//! Find: of four processes in jails, the one that cannot get out.

use crate::error::Result;
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{capability, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::link;
use crate::probe::process::{directories, named, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "four jails, and three ways out",
    needs: &[Need::Namespace(Namespace::Mnt)],
    begin,
    task,
    check,
    solve,
};

const STEMS: [&str; 4] = ["ant", "bee", "cat", "dog"];
const JAILS: &str = "/tmp/jails";

/// What was forgotten when a process was locked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgotten {
    WorkingDirectory,
    Descriptor,
    Capability,
    Nothing,
}

const MISTAKES: [Forgotten; 4] =
    [Forgotten::WorkingDirectory, Forgotten::Descriptor, Forgotten::Capability, Forgotten::Nothing];

/// Which of the four has which fault is drawn.
fn begin(setting: &mut Setting) -> Result<()> {
    let turn = setting.draw("turn", 0..=3) as usize;
    let names = STEMS.map(|stem| setting.draw_name(stem, stem));
    setting.hold(move |_| {
        fs::mkdir(JAILS)?;
        for (at, name) in names.iter().enumerate() {
            resident(Clone3::new(), || lock_up(name, MISTAKES[(at + turn) % MISTAKES.len()]))?;
        }
        Ok(())
    })
}

fn lock_up(name: &str, forgotten: Forgotten) -> Result<()> {
    set_name(name)?;
    let jail = format!("{JAILS}/{name}");
    fs::mkdir(&jail)?;
    if forgotten == Forgotten::Descriptor {
        // It stays open for as long as the process is there.
        std::mem::forget(fs::open(JAILS)?);
    }
    fs::chroot(jail)?;
    if forgotten != Forgotten::WorkingDirectory {
        fs::chdir("/")?;
    }
    if forgotten != Forgotten::Capability {
        capability::capset(capability::Set::empty())?;
    }
    Ok(())
}

fn names(record: &Record) -> [&str; 4] {
    STEMS.map(|stem| record.value(stem))
}

fn task(record: &Record) -> String {
    format!(
        "Four processes run in a chroot, each in a directory of its own:

  {}

Three of them can get at files outside of their root, each in another way. Which one cannot? Everything that you
need is in /proc/PID. Answer with: glassbox lab check chroot NAME",
        names(record).join("  ")
    )
}

/// The first way out that a process has.
fn way_out(pid: u64) -> Result<Option<&'static str>> {
    let root = link(format!("/proc/{pid}/root"))?.text;
    let below = format!("{root}/");
    let outside = |path: &String| *path != root && !path.starts_with(&below);
    let powers = u64::from_str_radix(&status(pid, "CapPrm")?.text, 16).unwrap_or_default();
    Ok(if outside(&link(format!("/proc/{pid}/cwd"))?.text) {
        Some("its working directory is outside of its root")
    } else if directories(pid)?.iter().any(outside) {
        Some("it has a directory open that is outside of its root")
    } else if powers & capability::Set::SYS_CHROOT.bits() != 0 {
        Some("it has CAP_SYS_CHROOT: a second chroot brings it out")
    } else {
        None
    })
}

/// The processes that are there, with the way out that each has.
fn ways(record: &Record) -> Result<Vec<(&str, u64, Option<&'static str>)>> {
    let there = names(record).into_iter().filter_map(|name| Some((name, named(name)?)));
    there.map(|(name, pid)| Ok((name, pid, way_out(pid)?))).collect()
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let ways = ways(record)?;
    if ways.len() < STEMS.len() {
        let seen = format!("{} of four", ways.len());
        exam.claim("the four processes are running", false, seen, "/proc/*/comm")
            .mistake("one was ended: `glassbox lab reset chroot`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start chroot"]);
        return Ok(());
    }
    let answer = exam.answer.clone();
    let given = answer.as_deref().map(str::trim);
    let chosen = ways.iter().find(|(name, ..)| Some(*name) == given);
    let holds = chosen.is_some_and(|(.., way)| way.is_none());
    let mistake = match chosen {
        None => "an answer is one of the four names: glassbox lab check chroot NAME",
        Some((.., way)) => way.unwrap_or_default(),
    };
    let source = chosen.map_or("/proc/PID".into(), |(_, pid, _)| format!("/proc/{pid}"));
    let seen = given.map_or("no answer".into(), |answer| format!("your answer {answer}"));
    let pids = ways.iter().map(|(_, pid, _)| pid.to_string()).collect::<Vec<_>>().join(" ");
    exam.claim("which process has no way out", holds, seen, source).mistake(mistake).hints([
        "the lesson shows three ways: by a relative path, by a descriptor, by a second chroot".to_string(),
        "look at the links root, cwd and fd of each process, and at CapPrm in its status; a process's name is in \
         /proc/PID/comm"
            .into(),
        format!(
            "for p in {pids}; do cat /proc/$p/comm; readlink /proc/$p/root /proc/$p/cwd /proc/$p/fd/*; grep CapPrm \
             /proc/$p/status; done"
        ),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let safe = ways(record)?.into_iter().find(|(.., way)| way.is_none());
    Ok(safe.map(|(name, ..)| name.to_string()))
}
