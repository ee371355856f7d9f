//! `glassbox doctor`: what this machine can do, found by trying it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use colored::Colorize;
use serde::Serialize;

use super::Outcome;
use super::list::{duration, heading, widest, with_foundation};
use super::problem::{Problem, sentence};
use super::scope::Scope;
use crate::kernel::cgroup::Controller;
use crate::kernel::namespace::Kind;
use crate::lessons;
use crate::machine::{Attempt, Machine, Need, Refusal, Verdict, user_namespace_policy};
use crate::stage::Lesson;

#[derive(clap::Args)]
pub(super) struct Args {
    /// How to say it
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Everything that doctor says.
#[derive(Serialize)]
struct Report {
    version: u32,
    kernel: String,
    uid: u32,
    cgroup_layout: String,
    /// The settings that decide about user namespaces, with their values.
    user_namespaces: BTreeMap<String, String>,
    /// Why no lesson can run here, if none can.
    stage: Option<Refusal>,
    needs: Vec<NeedReport>,
    lessons: Vec<LessonReport>,
}

#[derive(Serialize)]
struct NeedReport {
    need: String,
    met: bool,
    #[serde(flatten)]
    refusal: Option<Refusal>,
}

#[derive(Serialize)]
struct LessonReport {
    lesson: &'static str,
    minutes: u32,
    builds_on: &'static [&'static str],
    #[serde(flatten)]
    verdict: Verdict,
    /// Whether its lab can be worked on, in the shell that doctor was started in.
    lab: Verdict,
}

pub(super) fn run(args: &Args, scope: &Scope) -> Outcome {
    scope.enter(lessons::all());
    let report = examine(scope);
    match args.format {
        Format::Text => tell(&report)?,
        Format::Json => {
            let json = serde_json::to_string_pretty(&report).map_err(|error| {
                Problem::refused(Attempt::fault(format!("cannot write the report: {error}")))
            })?;
            writeln!(io::stdout(), "{json}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is worth knowing, whether or not a lesson needs it: all of it, once.
fn needs() -> Vec<Need> {
    let mut needs: Vec<Need> = Kind::ALL.map(Need::Namespace).into();
    needs.extend(Controller::ALL.map(Need::Controller));
    needs.extend([Need::Proc, Need::Devices, Need::Overlay, Need::RootlessOverlay, Need::Seccomp]);
    // What lessons give to try, and labs to work with.
    needs.extend(["nsenter", "unshare", "mount"].map(Need::Program));
    for need in lessons::all().flat_map(|lesson| lesson.needs.iter().chain(lesson.lab.needs)) {
        if !needs.contains(need) && !matches!(need, Need::ControllerForAPart(_)) {
            needs.push(*need);
        }
    }
    needs
}

fn examine(scope: &Scope) -> Report {
    let machine = Machine::examine();
    let needs = match &machine.mode {
        Err(_) => vec![],
        Ok(mode) => needs()
            .into_iter()
            .map(|need| {
                let refusal = machine.meets(need, *mode).err();
                NeedReport { need: need.to_string(), met: refusal.is_none(), refusal }
            })
            .collect(),
    };
    let verdicts: Vec<Verdict> = lessons::all().map(|lesson| machine.ready(lesson.needs).into()).collect();
    let machine = match scope.left() {
        Some(group) => machine.seen_from(group),
        None => machine,
    };
    let report = |(lesson, verdict): (&Lesson, _)| LessonReport {
        lesson: lesson.id,
        minutes: lesson.minutes,
        builds_on: lesson.builds_on,
        verdict,
        lab: machine.ready(lesson.lab.needs).into(),
    };
    let lessons = lessons::all().zip(verdicts).map(report).collect();
    Report {
        version: 1,
        cgroup_layout: machine.layout().to_string(),
        user_namespaces: user_namespace_policy().into_iter().collect(),
        stage: machine.mode.as_ref().err().cloned(),
        kernel: machine.release,
        uid: machine.uid,
        needs,
        lessons,
    }
}

fn tell(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let for_a_person = io::stdout().is_terminal();
    let sentence = |text: &str, behind| sentence(text, behind, for_a_person);
    let user = if report.uid == 0 { "root".into() } else { format!("user {}", report.uid) };
    writeln!(out, "Linux {}, as {user}, cgroup layout {}", report.kernel, report.cgroup_layout)?;
    for (setting, value) in &report.user_namespaces {
        writeln!(out, "{setting}: {value}")?;
    }
    writeln!(out)?;
    for need in &report.needs {
        match &need.refusal {
            None => writeln!(out, "  {} {}", "✔".green(), need.need)?,
            Some(refusal) => {
                let why = sentence(&format!("{}: {}", need.need, refusal.why), 4);
                writeln!(out, "  {} {why}", "✘".red())?;
                writeln!(out, "      {} {}", "hint:".yellow(), refusal.hint)?;
            }
        }
    }
    if let Some(refusal) = &report.stage {
        writeln!(out, "  {} {}", "✘".red(), sentence(&refusal.why, 4))?;
        writeln!(out, "      {} {}", "hint:".yellow(), refusal.hint)?;
    }
    writeln!(out, "\nLessons, {} in all", duration(lessons::minutes()))?;
    let width = widest(|lesson| lesson.id);
    let below = " ".repeat(width + 11);
    for report in &report.lessons {
        if let Some(part) = lessons::PARTS
            .iter()
            .find(|part| part.lessons.first().is_some_and(|first| first.id == report.lesson))
        {
            writeln!(out, "{}", heading(part))?;
        }
        let LessonReport { lesson: id, minutes, verdict, lab, .. } = report;
        let (and, refusal) = match (verdict, lab) {
            (Verdict::Cannot(refusal), _) => ("", Some(refusal)),
            (_, Verdict::Cannot(refusal)) => ("; its lab not from this shell", Some(refusal)),
            _ => ("", None),
        };
        let line = format!("  {id:<width$} {minutes:>2} min  {verdict}{and}");
        let line =
            lessons::find(id).map(|lesson| with_foundation(&line, lesson, below.len())).unwrap_or(line);
        writeln!(out, "{line}")?;
        if let Some(Refusal { why, hint }) = refusal {
            writeln!(out, "{below}{}", sentence(why, below.len()))?;
            writeln!(out, "{below}{} {hint}", "hint:".yellow())?;
        }
    }
    Ok(())
}
