//! `glassbox doctor`: what this machine can do, found by trying it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::ValueEnum;
use colored::Colorize;
use serde::Serialize;

use super::Outcome;
use super::problem::Problem;
use crate::kernel::cgroup::Controller;
use crate::kernel::namespace::Kind;
use crate::lessons;
use crate::machine::{Machine, Need, Refusal, Verdict, user_namespace_policy};

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
    #[serde(flatten)]
    verdict: Verdict,
}

pub(super) fn run(args: &Args) -> Outcome {
    let report = examine();
    match args.format {
        Format::Text => tell(&report),
        Format::Json => {
            let json = serde_json::to_string_pretty(&report)
                .map_err(|error| Problem::failed("cannot write the report", error, ""))?;
            println!("{json}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is worth knowing, whether or not a lesson needs it: all of it, once.
fn needs() -> Vec<Need> {
    let mut needs: Vec<Need> = Kind::ALL.map(Need::Namespace).into();
    needs.extend([Controller::Memory, Controller::Pids, Controller::Cpu].map(Need::Controller));
    needs.extend([Need::Overlay, Need::RootlessOverlay, Need::Seccomp]);
    // What lessons give to try, and labs to work with.
    needs.extend(["nsenter", "unshare", "mount"].map(Need::Program));
    for need in lessons::all().flat_map(|lesson| lesson.needs.iter().chain(lesson.lab.needs)) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

fn examine() -> Report {
    let machine = Machine::examine();
    let needs = match &machine.mode {
        Err(_) => vec![],
        Ok(mode) => needs()
            .into_iter()
            .map(|need| {
                let refusal = need.examine(&machine, *mode).err();
                NeedReport { need: need.to_string(), met: refusal.is_none(), refusal }
            })
            .collect(),
    };
    let lessons = lessons::all()
        .map(|lesson| LessonReport { lesson: lesson.id, verdict: machine.ready(lesson.needs).into() })
        .collect();
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

fn tell(report: &Report) {
    let user = if report.uid == 0 { "root".into() } else { format!("user {}", report.uid) };
    println!("Linux {}, as {user}, cgroup layout {}", report.kernel, report.cgroup_layout);
    for (setting, value) in &report.user_namespaces {
        println!("{setting}: {value}");
    }
    println!();
    for need in &report.needs {
        match &need.refusal {
            None => println!("  {} {}", "✔".green(), need.need),
            Some(refusal) => {
                println!("  {} {}: {}", "✘".red(), need.need, refusal.why);
                println!("      {} {}", "hint:".yellow(), refusal.hint);
            }
        }
    }
    if let Some(refusal) = &report.stage {
        println!("  {} {}", "✘".red(), refusal.why);
        println!("      {} {}", "hint:".yellow(), refusal.hint);
    }
    println!("\nLessons");
    for lesson in &report.lessons {
        println!("  {:<12} {}", lesson.lesson, lesson.verdict);
        if let Verdict::Cannot(refusal) = &lesson.verdict {
            println!("               {}", refusal.why);
            println!("               {} {}", "hint:".yellow(), refusal.hint);
        }
    }
}
