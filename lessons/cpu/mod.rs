//! The cpu controller: a quota, which is a limit, and a weight, which is none.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::Errno;
use crate::kernel::cgroup::{
    CPU_MAX, CPU_PERIODS, CPU_STALLED, CPU_THROTTLED, CPU_USAGE, CPU_WEIGHT, Controller, Group, Version,
};
use crate::machine::Need;
use crate::probe::cgroup::{CpuAccount, control, cpu_quota};
use crate::probe::process::status;
use crate::stage::{Child, Lesson, LessonGroup, Result, Stage};
use props::{Crowds, Site, a_fifth, about, end, measured, share, stop};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "cpu",
    title: "CPU time",
    minutes: 10,
    builds_on: &["cgroup-tree"],
    steps: 5,
    needs: &[Need::Controller(Controller::Cpu), Need::CpuQuota, Need::Controller(Controller::Cpuacct)],
    run,
    lab: lab::LAB,
};

/// Milliseconds, in the microseconds of the controls.
const MS: u64 = 1000;
/// How many of them a program stands still at the least when it has had its 20 of 100: it would be 80 if nobody else
/// wanted the CPU.
const LONG: u64 = 25;

fn run(stage: &mut Stage) -> Result<()> {
    let (site, worker, stop) = a_quota(stage)?;
    smaller_pieces(stage, &site, worker, stop)?;
    let batch = a_weight_is_no_limit(stage, &site)?;
    let (web, workers, half) = more_processes(stage, &site, &batch)?;
    one_to_three(stage, site, web, batch, workers, half)
}

// ANCHOR: a_quota
fn a_quota(stage: &mut Stage) -> Result<(Site, Child, u64)> {
    stage.step("a quota is time in a period");
    stage.say(
        "A program counts in a loop and would take a CPU for itself. Its group, `site`, gets a quota: 20 ms of CPU
         time in every 100 ms. That is a fifth of one CPU, and it is what `docker run --cpus 0.2` sets.",
    );
    let guess = stage.predict(
        "How does the program run with a fifth of a CPU?",
        &["all the time, at a fifth of the speed", "at full speed, and then not at all"],
    );

    let site = Site::new(stage)?;
    let group = &*site.group;
    let unit = if group.version(Controller::Cpu)? == Version::V2 { "µs" } else { "ns" };
    let accounts = [
        (CPU_USAGE, format!("CPU time that was used, in {unit}")),
        (CPU_PERIODS, "periods in which it wanted to run".into()),
        (CPU_THROTTLED, "those in which the quota was used up".into()),
        (CPU_STALLED, format!("for how long it then stood still, in {unit}")),
    ];
    let new = accounts.each_ref().map(|(account, _)| control(group, *account));
    let before = cpu_quota(group)?;
    group.limit_cpu(20 * MS, 100 * MS)?;
    let after = cpu_quota(group)?;
    stage.check("the quota reads back, in microseconds").expect("20000 100000").saw(&after)?;
    let worker = site.worker(stage, group, "worker")?;
    let cpus = status(worker.pid(), "Cpus_allowed_list")?.varying();
    stage.check("it keeps to one CPU").expect(site.cpu).saw(&cpus)?;
    let is_right = |had: &CpuAccount| a_fifth(had).contains(&share(had, 100)) && stop(had) >= LONG;
    let had = site.watch(stage, 8, is_right)?;

    let mut table = stage.state("the group site").compare(&before, &after, "20 ms of 100 ms");
    for (new, (account, note)) in new.into_iter().zip(accounts) {
        table = table.compare(&new?, &control(group, account)?.varying(), &note);
    }
    table.show();
    let share = share(&had, 100);
    let usage = measured(group, CPU_USAGE, share)?;
    stage.chart("share of one CPU", "percent", &usage.source, &[("quota", 20.0), ("measured", share as f64)]);
    let throttled = measured(group, CPU_THROTTLED, had.throttled)?;
    stage.check("the kernel has stopped it in many periods").expect_at_least(8).saw(&throttled)?;
    stage.check("its share, in percent, is that of the quota").expect_within(a_fifth(&had)).saw(&usage)?;
    let stop = stop(&had);
    let stopped = measured(group, CPU_STALLED, stop)?;
    stage.check("a stop lasts for many milliseconds").expect_at_least(LONG).saw(&stopped)?;
    stage.reveal(
        guess,
        if stop >= LONG { "at full speed, and then not at all" } else { "all the time, at a fifth of the speed" },
        "The kernel makes no program slower. The quota is spent at full speed, and when it is used up, the whole group
         is taken from the CPU until the next period begins. On average the share is right; for a request that comes
         in at the wrong moment the program is away.",
    )?;
    stage.why(
        "This is called throttling, and a graph of the average does not show it: 20 percent looks idle. What shows it
         is nr_throttled. A program with four threads spends the same quota on four CPUs in a quarter of the time,
         and is away all the longer.",
        &[
            kernel_doc("CFS Bandwidth Control", "scheduler/sched-bwc"),
            kernel_doc("Control Group v2", "admin-guide/cgroup-v2"),
        ],
    );
    stage.try_it(format!("cat {}", group.path(CPU_THROTTLED)?.display()), "the accounts: look twice");
    stage.pause("the program runs and stops, ten times in a second")?;
    Ok((site, worker, stop))
}
// ANCHOR_END: a_quota

// ANCHOR: smaller_pieces
fn smaller_pieces(stage: &mut Stage, site: &Site, worker: Child, long: u64) -> Result<()> {
    stage.step("the same share, in smaller pieces");
    stage.say(
        "The period can be chosen as well as the quota. A fifth of a CPU is 20 ms of 100 ms; it is 5 ms of 25 ms;
         and it is 0.2 ms of 1 ms. We try the finest first.",
    );
    let guess = stage.predict(
        "With 5 ms of 25 ms in place of 20 ms of 100 ms, the program",
        &["runs as before", "has less CPU time", "stands still for shorter times"],
    );

    let group = &*site.group;
    let refused = group.limit_cpu(MS / 5, MS).err().map(|error| error.errno);
    stage.check("less than a millisecond is refused").expect(Errno::EINVAL).saw((refused, "write()"))?;
    let before = cpu_quota(group)?;
    group.limit_cpu(5 * MS, 25 * MS)?;
    stage.state("the group site").compare(&before, &cpu_quota(group)?, "a quarter of both").show();
    let is_right = |had: &CpuAccount| a_fifth(had).contains(&share(had, 25)) && stop(had) < long;
    let had = site.watch(stage, 16, is_right)?;

    let usage = measured(group, CPU_USAGE, share(&had, 25))?;
    let short = stop(&had);
    let stopped = measured(group, CPU_STALLED, short)?;
    stage.chart(
        "how long it stands still at a time",
        "ms",
        &stopped.source,
        &[("20 of 100 ms", long as f64), ("5 of 25 ms", short as f64)],
    );
    stage.check("it has a fifth of one CPU, as before").expect_within(a_fifth(&had)).saw(&usage)?;
    stage.check("but a stop is shorter").expect_at_most(long.saturating_sub(1)).saw(&stopped)?;
    stage.reveal(
        guess,
        if short < long { "stands still for shorter times" } else { "runs as before" },
        "The share says how much work gets done, and the period how long somebody waits in the worst case. For a
         program that answers requests that is the more important number.",
    )?;
    stage.why(
        "Each period costs the kernel a timer, and each change of the running program some microseconds: that is why
         there is a least, and why the usual period is as long as 100 ms. In `docker run` the two numbers are
         --cpu-quota and --cpu-period.",
        &[kernel_doc("CFS Bandwidth Control", "scheduler/sched-bwc"), man("cgroups", 7)],
    );
    stage.try_it(format!("cat {}", group.path(CPU_MAX)?.display()), "the quota");
    stage.pause("the program runs and stops, forty times in a second")?;
    end(stage, [worker])
}
// ANCHOR_END: smaller_pieces

// ANCHOR: a_weight_is_no_limit
fn a_weight_is_no_limit(stage: &mut Stage, site: &Site) -> Result<LessonGroup> {
    stage.step("a weight is no limit");
    stage.say(
        "There is a second number for CPU time, a weight. In `site` we make a group, `batch`, and give it a hundredth
         of the weight that every group begins with. A program in it counts in a loop. There is nobody else in
         `site`.",
    );
    let guess = stage.predict(
        "Of the CPU time that `site` may use, `batch` gets",
        &["a hundredth", "half of it", "all of it"],
    );

    if site.group.version(Controller::Cpu)? == Version::V2 {
        site.group.hand_on(Controller::Cpu)?;
    }
    let batch = stage.cgroup_below(&site.group, "batch")?;
    let before = control(&batch, CPU_WEIGHT)?;
    batch.weigh_cpu(1)?;
    stage.state("the group batch").compare(&before, &control(&batch, CPU_WEIGHT)?, "a hundredth").show();
    let begin = site.used()?;
    let worker = site.worker(stage, &batch, "worker")?;
    let had = site.watch(stage, 8, |_| true)?;
    let share = site.share_since(begin, &batch)?;
    let throttled = measured(&site.group, CPU_THROTTLED, had.throttled)?;
    stage.check("nearly all that `site` uses is for `batch`, in percent").expect_at_least(95).saw(&share)?;
    stage.check("and `site` uses up its quota").expect_at_least(8).saw(&throttled)?;
    let observed = match share.text.parse() {
        Ok(95u64..) => "all of it",
        Ok(25..) => "half of it",
        _ => "a hundredth",
    };
    stage.reveal(
        guess,
        observed,
        "A weight says nothing about how much a group may have. It says who has to stand back when two want the same
         CPU, and here nobody does. CPU time cannot be saved for later: what nobody takes is lost.",
    )?;
    stage.why(
        "So weights cost nothing while there is enough for all, and they are the better tool for what is merely less
         important. A quota holds back even when the CPU would be idle otherwise. It is for what somebody has paid
         for, or for measuring under equal conditions.",
        &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("sched", 7)],
    );
    stage.try_it(format!("cat {}", batch.path(CPU_WEIGHT)?.display()), "the weight");
    stage.pause("one program with a hundredth of the weight, and it has everything")?;
    end(stage, [worker])?;
    Ok(batch)
}
// ANCHOR_END: a_weight_is_no_limit

// ANCHOR: more_processes
fn more_processes(stage: &mut Stage, site: &Site, batch: &Group) -> Result<(LessonGroup, Vec<Child>, u64)> {
    stage.step("more processes, more time");
    stage.say(
        "Now two programs want the CPU: `web` with one process, `batch` with three. At first all four are in one
         group, as they would be without containers. The weight of `batch` is the usual one again, and `site` may use
         80 ms of 100 ms while we measure, so that there is something to divide.",
    );
    batch.weigh_cpu(100)?;
    site.plenty(stage)?;
    let mut workers = vec![site.another(stage, batch, "web")?];
    for _ in 0..3 {
        workers.push(site.another(stage, batch, "batch")?);
    }
    let in_one = site.share_of_process(stage, about(25), &workers[0])?;
    stage.check("of four equal processes each has a quarter").expect_within(about(25)).saw(&in_one)?;
    site.little(stage)?;
    stage.say(
        "A program that makes more processes gets more time. We make a group for `web` and move it there.",
    );
    let guess = stage.predict(
        "Both groups have the usual weight. How much has the one process of `web` now?",
        &["a quarter: it is one of four processes", "more: its group is one of two", "all: it comes first"],
    );

    let web = stage.cgroup_below(&site.group, "web")?;
    web.add(workers[0].pid())?;
    site.plenty(stage)?;
    let crowds = Crowds::here();
    let apart = site.share_of(stage, crowds.one_beside_three(), &web)?;
    stage
        .state("of the CPU time of site, in percent")
        .compare(&in_one, &apart, "in a group of its own")
        .show();
    stage.check(crowds.claim()).expect_within(crowds.one_beside_three()).saw(&apart)?;
    let percent = apart.text.parse().unwrap_or(0);
    let observed = match percent {
        0..=28 => "a quarter: it is one of four processes",
        29..=75 => "more: its group is one of two",
        _ => "all: it comes first",
    };
    stage.reveal(guess, observed, crowds.explanation())?;
    site.little(stage)?;
    stage.why(
        "`nice` is the older way, and works among the processes of one group only. On a desktop the kernel makes such
         groups by itself, one for each terminal, which is called autogroup: a compiler with forty processes in one
         terminal does not slow down the other.",
        &[man("sched", 7), kernel_doc("CFS Scheduler", "scheduler/sched-design-CFS")],
    );
    let usage = web.path(CPU_USAGE)?;
    stage.try_it(format!("cat {}", usage.display()), "what `web` has had: look twice");
    stage.pause("the four have a fifth of a CPU again, so that the room stays cool")?;
    Ok((web, workers, percent))
}
// ANCHOR_END: more_processes

// ANCHOR: one_to_three
fn one_to_three(
    stage: &mut Stage,
    site: Site,
    web: LessonGroup,
    batch: LessonGroup,
    workers: Vec<Child>,
    half: u64,
) -> Result<()> {
    stage.step("one to three");
    stage.say("`web` is what matters here. It gets three times the weight of `batch`.");
    let guess = stage.predict(
        "How much has each of the three processes of `batch` now?",
        &["a quarter", "a sixth", "a twelfth"],
    );

    let before = [control(&web, CPU_WEIGHT)?, control(&batch, CPU_WEIGHT)?];
    web.weigh_cpu(300)?;
    let after = [control(&web, CPU_WEIGHT)?, control(&batch, CPU_WEIGHT)?];
    stage
        .state("the weights")
        .compare(&before[0], &after[0], "web")
        .compare(&before[1], &after[1], "batch")
        .show();
    site.plenty(stage)?;
    let crowds = Crowds::here();
    let wanted = crowds.with_weight(3, half);
    let share = site.share_of(stage, wanted.clone(), &web)?;
    let own: u64 = share.text.parse().unwrap_or(0);
    let other = 100 - own.min(100);
    stage.chart(
        "CPU time of site",
        "percent",
        &share.source,
        &[("web, weight 3", own as f64), ("batch, weight 1", other as f64)],
    );
    stage.check(crowds.claim_of_weight()).expect_within(wanted).saw(&share)?;
    let observed = match other / 3 {
        0..=12 => "a twelfth",
        13..=20 => "a sixth",
        _ => "a quarter",
    };
    stage.reveal(
        guess,
        observed,
        "For each part that `batch` would have beside an equal, `web` now has three. What is left for `batch` is for its
         three processes to divide. A weight is worth something only beside the weights of the others.",
    )?;
    site.little(stage)?;
    stage.why(
        "In version 2 a weight is from 1 to 10000, and 100 unless set; in version 1 it is called shares, from 2 to
         262144, and 1024 unless set. `docker run --cpu-shares` takes the numbers of version 1 and has them
         converted. What Kubernetes calls a request of CPU becomes a weight, and what it calls a limit a quota.",
        &[kernel_doc("Control Group v2: CPU", "admin-guide/cgroup-v2"), man("cgroups", 7)],
    );
    stage.try_it(format!("cat {}", web.path(CPU_WEIGHT)?.display()), "the weight of `web`");
    stage.pause("the four count on, one to three; then they end")?;
    end(stage, workers)?;
    web.remove()?;
    batch.remove()?;
    site.group.remove()
}
// ANCHOR_END: one_to_three
