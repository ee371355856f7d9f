//! Fix: a service that is starved by the program beside it.

use std::time::Duration;

use crate::error::Result;
use crate::kernel::cgroup::{CPU_PROCS, CPU_USAGE, CPU_WEIGHT, Controller, Group, Version};
use crate::kernel::process::{Clone3, sched_setaffinity};
use crate::lab::{Exam, Kind, Lab, Record, Setting, program};
use crate::machine::Need;
use crate::probe::cgroup::{control, cpu_quota, cpu_used, hierarchies, named};
use crate::probe::cpu::allowed;
use crate::probe::process::{nice, status};
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a service that gets too little CPU time",
    needs: &[Need::Controller(Controller::Cpu), Need::CpuQuota, Need::Controller(Controller::Cpuacct)],
    begin,
    task,
    check,
    solve,
};

/// What both programs together may have, in microseconds: 30 percent of a CPU, for as long as the scene stands.
const QUOTA: (u64, u64) = (30_000, 100_000);
/// How many processes each has. Since Linux 7.3 a group of several weighs more than its weight says.
const PROGRAMS: [(&str, usize); 2] = [("web", 1), ("batch", 1)];
/// Two processes on one CPU, and the heavier group is the wrong one.
const STARVED: u64 = 700;

fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    setting.draw("times", 2..=5);
    let site = Group::plan(&hierarchies()?, &name, &[Controller::Cpu, Controller::Cpuacct])?;
    setting.remember("path", site.path(CPU_PROCS)?.with_file_name("").display().to_string());
    let make = |group: &Group| {
        group.dirs().try_for_each(|dir| setting.note(&Trace::Cgroup(dir.into())))?;
        Ok::<_, crate::error::Error>(group.create()?)
    };
    make(&site)?;
    site.limit_cpu(QUOTA.0, QUOTA.1)?;
    if site.version(Controller::Cpu)? == Version::V2 {
        site.hand_on(Controller::Cpu)?;
    }
    PROGRAMS.iter().try_for_each(|(program, _)| make(&site.below(program)))?;
    site.below("batch").weigh_cpu(STARVED)?;
    let cpu = allowed()?.last().copied().unwrap_or(0);
    setting.remember("cpu", cpu.to_string());
    setting.hold(move |_| {
        for (name, processes) in PROGRAMS {
            let group = site.below(name);
            for _ in 0..processes {
                let enter = || {
                    // First, so that it leaves no load in the group on another CPU, which would count for a
                    // while; and again, since some kernels forget it when a process is moved.
                    sched_setaffinity(cpu)?;
                    group.join()?;
                    Ok(sched_setaffinity(cpu)?)
                };
                program(Clone3::new(), enter, "/bin/sh", &["sh", "-c", "while :; do :; done"])?;
            }
        }
        Ok(())
    })
}

fn task(record: &Record) -> String {
    format!(
        "Two programs want the same CPU, each in a control group of its own: web, which matters, and batch, which
         does not. At the moment web gets next to nothing.\n\n
         See to it that web gets {times} times as much CPU time as batch while both want it. A program that is alone
         must still be able to use what the other one leaves; both go on where they are, and what the two may use
         together stays as it is.\n\n
         This is the group that both are in:\n\n  \
         {path}",
        times = record.value("times"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let (name, path) = (record.value("name"), record.value("path"));
    let there = named(name, Controller::Cpu)?.zip(named(name, Controller::Cpuacct)?);
    let Some((site, accounts)) = there else {
        exam.claim("the group is there", false, "no such group", path)
            .mistake("it was removed: `glassbox lab reset cpu`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start cpu"]);
        return Ok(());
    };
    let both_run = check_programs(record, &site, exam);
    let whole = check_whole(&site, exam)?;
    check_quotas(&site, exam)?;
    check_weights(record, &site, exam);
    // What the kernel has given is worth a look when it can be what was asked for.
    if both_run && whole { check_time(record, &accounts, exam) } else { Ok(()) }
}

/// The processes of a group that run, or want to.
fn runners(group: &Group) -> Vec<u64> {
    let runs = |pid: &u64| status(pid, "State").is_ok_and(|state| state.text.starts_with('R'));
    let members = control(group, CPU_PROCS).map_or(vec![], |members| members.numbers());
    members.into_iter().filter(runs).collect()
}

fn check_programs(record: &Record, site: &Group, exam: &mut Exam) -> bool {
    let elsewhere =
        |pid: &u64| status(pid, "Cpus_allowed_list").is_ok_and(|cpus| cpus.text != record.value("cpu"));
    let programs = PROGRAMS.map(|(name, count)| (name, count, runners(&site.below(name))));
    let mistake = programs.iter().find_map(|(name, count, runners)| match runners.len() < *count {
        true => Some(format!("{name} was ended, stopped or moved: both have to go on where they are")),
        false => runners.iter().any(elsewhere).then(|| {
            format!("{name} was given another CPU: weights count between those who want the same one")
        }),
    });
    let both = mistake.is_none();
    let seen = programs.map(|(name, _, runners)| format!("{name} {}", runners.len())).join(", ");
    exam.claim("both programs run in their groups", both, seen, record.value("path"))
        .mistake(mistake.unwrap_or_default())
        .hints([
            "nothing has to end here, and nobody has to move",
            "the scene is spoilt: start it again",
            "glassbox lab start cpu",
        ]);
    both
}

fn check_whole(site: &Group, exam: &mut Exam) -> Result<bool> {
    let quota = cpu_quota(site)?;
    let (most, period) = QUOTA;
    let wanted = format!("{most} {period}");
    let holds = quota.text == wanted;
    let way = match site.version(Controller::Cpu)? {
        Version::V2 => format!("echo {wanted} > {}", quota.source),
        Version::V1 => {
            let quota = quota.source.split(',').next().unwrap_or_default();
            format!("echo {period} > {}; echo {most} > {quota}", quota.replace("quota", "period"))
        }
    };
    exam.claim("together they may use what they could", holds, &quota.text, &quota.source)
        .mistake("the quota of the group above was changed: it is not what keeps web down")
        .hints([
            "the group that both are in has a quota, and it was another one".to_string(),
            format!("it has to be {most} in a period of {period} microseconds"),
            way,
        ]);
    Ok(holds)
}

fn check_quotas(site: &Group, exam: &mut Exam) -> Result<()> {
    let quotas = PROGRAMS.map(|(name, _)| cpu_quota(&site.below(name)).map(|quota| (name, quota)));
    let [web, batch] = quotas;
    let (web, batch) = (web?, batch?);
    let limited = [&web, &batch].into_iter().find(|(_, quota)| !quota.text.starts_with("max"));
    let (name, quota) = limited.unwrap_or(&batch);
    let file = quota.source.split(',').next().unwrap_or_default();
    let seen = limited.map_or("no quota".into(), |_| format!("{name} {}", quota.text));
    let none = if site.version(Controller::Cpu)? == Version::V2 { "max" } else { "-1" };
    exam.claim("each can use what the other leaves", limited.is_none(), seen, &quota.source)
        .mistake("a quota holds back even when nobody else wants the CPU: that is the wrong tool here")
        .hints([
            "a quota is a limit, and a weight is none".to_string(),
            format!("take the quota of {name} away, and use weights"),
            format!("echo {none} > {file}"),
        ]);
    Ok(())
}

/// The weight of a group.
fn weight(group: &Group) -> u64 {
    control(group, CPU_WEIGHT).map_or(0, |weight| weight.text.parse().unwrap_or(0))
}

fn check_weights(record: &Record, site: &Group, exam: &mut Exam) {
    let times = record.number("times");
    let (web, batch) = (site.below("web"), site.below("batch"));
    let (own, other) = (weight(&web), weight(&batch));
    let near = |one: u64, two: u64| one.abs_diff(two) * 20 <= two;
    let holds = other > 0 && near(own, times * other);
    let nicer = PROGRAMS.iter().flat_map(|(name, _)| runners(&site.below(name))).any(is_nicer);
    let mistake = if near(other, times * own) {
        "it is the other way round: the greater weight gets more".into()
    } else if own == times {
        format!("a weight is no factor: {own} stands beside the {other} of batch")
    } else if nicer {
        "`nice` divides time among the processes of one group: between groups it does not count".into()
    } else {
        format!("{times} times {other} is {}", times * other)
    };
    let file = web.path(CPU_WEIGHT).map_or(String::new(), |file| file.display().to_string());
    let control = CPU_WEIGHT.name(site.version(Controller::Cpu).unwrap_or(Version::V2));
    exam.claim(
        format!("web weighs {times} times as much as batch"),
        holds,
        format!("{own} and {other}"),
        &file,
    )
    .mistake(mistake)
    .hints([
        "who has to stand back when both want the CPU is a number of each group".to_string(),
        format!("the file is {control} in each of the two; only their relation counts"),
        format!("echo {} > {file}", times * other),
    ]);
}

/// Whether a process has another nice value than it began with.
fn is_nicer(pid: u64) -> bool {
    nice(pid).is_ok_and(|nice| nice.text != "0")
}

/// What both have got from the kernel, while it gives out enough to be divided. If all is as it was asked for, the
/// scheduler gets a while to come to that.
fn check_time(record: &Record, accounts: &Group, exam: &mut Exam) -> Result<()> {
    const ENOUGH: Duration = Duration::from_millis(240);
    const PATIENCE: usize = 1000;
    let [web, batch] = PROGRAMS.map(|(name, _)| accounts.below(name));
    let used = || Ok::<_, crate::error::Error>((cpu_used(&web)?, cpu_used(&batch)?));
    let times = record.number("times");
    // On a machine that itself stands still at times, the lighter one may owe so much that it gets nothing for long.
    let is_it = |ratio: f64| ratio >= 0.7 * times as f64;
    let as_asked = exam.passed();
    let mut begin = used()?;
    let mut ratio = 0.0;
    for _ in 0..PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
        let now = used()?;
        let had = (now.0.saturating_sub(begin.0), now.1.saturating_sub(begin.1));
        if had.0 + had.1 < ENOUGH {
            continue;
        }
        ratio = had.0.as_secs_f64() / had.1.as_secs_f64().max(0.001);
        if is_it(ratio) || !as_asked {
            break;
        }
        begin = now;
    }
    let holds = is_it(ratio);
    let source = control(&web, CPU_USAGE)?.source;
    exam.claim(
        format!("and gets {times} times as much CPU time"),
        holds,
        format!("{ratio:.1} times"),
        source,
    )
    .mistake("the kernel has divided it in another way than by these weights")
    .hints([
        "weights count when both want the CPU, and for processes of the ordinary kind",
        "is a process of another kind, or the group idle? Look at `chrt -p PID`, and at cpu.idle",
        "start again, and change weights only: glassbox lab start cpu",
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(site) = named(record.value("name"), Controller::Cpu)? else { return Ok(None) };
    site.below("batch").weigh_cpu(100)?;
    site.below("web").weigh_cpu(100 * record.number("times"))?;
    Ok(None)
}
