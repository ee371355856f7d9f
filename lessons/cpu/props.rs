//! What the lesson uses and is not about: programs that never end, and how they are measured.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::kernel::cgroup::{CPU_PROCS, CPU_USAGE, Control, Controller, Group};
use crate::kernel::process::{Clone3, Sig, execve, getpid, kill, sched_setaffinity};
use crate::probe::Reading;
use crate::probe::around::is_at_least;
use crate::probe::cgroup::{CpuAccount, control, cpu_account, cpu_quota, cpu_used};
use crate::probe::cpu::allowed;
use crate::probe::process::cpu_time;
use crate::stage::{Child, Error, LessonGroup, Result, Stage};

/// So that an eye can follow the bar.
const MOMENT: Duration = Duration::from_millis(5);
/// So many moments are waited for at the most: ten seconds, or more on a busy machine.
const PATIENCE: usize = 2000;
/// So much CPU time is divided: enough for some turns of everybody.
const ENOUGH: Duration = Duration::from_millis(400);

/// The group that everything here is in, and the one CPU that all of it keeps to.
pub(super) struct Site {
    pub(super) group: LessonGroup,
    pub(super) cpu: usize,
}

impl Site {
    pub(super) fn new(stage: &Stage) -> Result<Self> {
        let group = stage.cgroup("site", &[Controller::Cpu, Controller::Cpuacct])?;
        // What it may use it shall get at once, however busy the machine is: the more can be seen.
        stage.backstage(|| group.weigh_cpu(1000))?;
        // Any of those that this process may use; on a machine with many, the last has the least to do.
        let cpu = allowed()?.last().copied();
        let cpu = cpu.ok_or_else(|| Error::Lesson("there is no CPU for this process".into()))?;
        Ok(Self { group, cpu })
    }

    /// How much there is to be divided while we measure: most of one CPU, and never all of it.
    pub(super) fn plenty(&self, stage: &Stage) -> Result<()> {
        Ok(stage.backstage(|| self.group.limit_cpu(80_000, 100_000))?)
    }

    /// And how much while the learner reads: programs that count for ever should not heat the room.
    pub(super) fn little(&self, stage: &Stage) -> Result<()> {
        Ok(stage.backstage(|| self.group.limit_cpu(20_000, 100_000))?)
    }

    /// A program in `group`, which is this one or below it, that counts in a loop for ever.
    pub(super) fn worker(&self, stage: &Stage, group: &Group, lane: &str) -> Result<Child> {
        stage.child_in(group, lane, Clone3::new(), |inside| self.count(inside, group))
    }

    /// The same once more: what it does has been seen.
    pub(super) fn another(&self, stage: &Stage, group: &Group, lane: &str) -> Result<Child> {
        let body = |inside: &mut Stage| inside.backstage(|| self.count(inside, group));
        stage.backstage(|| stage.child_in(group, lane, Clone3::new(), body))
    }

    fn count(&self, inside: &Stage, group: &Group) -> Result<()> {
        let members = control(group, CPU_PROCS)?;
        let there = members.numbers().contains(&(getpid()?.as_raw() as u64));
        inside.check("it is inside of the group").saw((there, members.source))?;
        // Without a quota the loop would be aimed at the machine.
        if cpu_quota(&self.group)?.text.starts_with("max") {
            return Err(Error::Lesson("the quota does not hold".into()));
        }
        sched_setaffinity(self.cpu)?;
        Err(execve("/bin/sh", &["sh", "-c", "while :; do :; done"], &[]).into())
    }

    // ANCHOR: watch
    /// Let it run until the quota was used up in so many periods: what came on the account, from the end of one such
    /// period to the end of another. What a program runs over its quota it owes, and pays later: on a machine that
    /// itself stands still at times this goes on until that has come right.
    pub(super) fn watch(
        &self,
        stage: &Stage,
        count: u64,
        is_right: impl Fn(&CpuAccount) -> bool,
    ) -> Result<CpuAccount> {
        // The bar goes by the clock, and nothing else does.
        let (begun, begin) = (Instant::now(), cpu_account(&self.group)?);
        let (mut now, mut from) = (begin, None);
        for _ in 0..PATIENCE {
            std::thread::sleep(MOMENT);
            now = cpu_account(&self.group)?;
            stage.gauge("site", percent(now.since(begin).used, begun.elapsed()), 100, "% of one CPU");
            match from.map(|from| now.since(from)) {
                None if now.throttled > begin.throttled => from = Some(now),
                Some(had) if had.throttled >= count && is_right(&had) => break,
                _ => {}
            }
        }
        Ok(now.since(from.unwrap_or(begin)))
    }
    // ANCHOR_END: watch

    /// How much CPU time it has used so far.
    pub(super) fn used(&self) -> Result<Duration> {
        Ok(cpu_used(&self.group)?)
    }

    /// What percentage of the CPU time since then went to a group that is new.
    pub(super) fn share_since(&self, then: Duration, new: &Group) -> Result<Reading> {
        let whole = self.used()?.saturating_sub(then);
        // Between the two readings some more came on the second account.
        let share = percent(cpu_used(new)?, whole).min(100);
        Ok(percentage("batch", share, control(new, CPU_USAGE)?.source))
    }

    /// What percentage of the CPU time of the whole site `web` gets, by this account of its. It is measured until enough was divided, and it
    /// is about what it should be; the scheduler may need a while for that.
    fn share(
        &self,
        stage: &Stage,
        wanted: RangeInclusive<u64>,
        account: impl Fn() -> Result<Duration>,
    ) -> Result<u64> {
        let mut from = (self.used()?, account()?);
        let mut share = 0;
        for _ in 0..PATIENCE {
            std::thread::sleep(MOMENT);
            let now = (self.used()?, account()?);
            let whole = now.0.saturating_sub(from.0);
            share = percent(now.1.saturating_sub(from.1), whole);
            stage.gauge("web", share, 100, "% of site");
            if whole >= ENOUGH && wanted.contains(&share) {
                break;
            }
            if whole >= 2 * ENOUGH {
                from = now;
            }
        }
        Ok(share)
    }

    /// The share of a group.
    pub(super) fn share_of(
        &self,
        stage: &Stage,
        wanted: RangeInclusive<u64>,
        group: &Group,
    ) -> Result<Reading> {
        let share = self.share(stage, wanted, || Ok(cpu_used(group)?))?;
        Ok(percentage("web", share, control(group, CPU_USAGE)?.source))
    }

    /// The share of one process, from its own account: in clock ticks, of which a hundred are a second.
    pub(super) fn share_of_process(
        &self,
        stage: &Stage,
        wanted: RangeInclusive<u64>,
        process: &Child,
    ) -> Result<Reading> {
        let time = || {
            let ticks: u64 = cpu_time(process.pid())?.text.parse().unwrap_or(0);
            Ok(Duration::from_millis(10 * ticks))
        };
        let share = self.share(stage, wanted, time)?;
        Ok(percentage("web", share, cpu_time(process.pid())?.source))
    }
}

/// A number that was worked out from an account, and is another one in each run.
pub(super) fn measured(group: &Group, account: Control, number: u64) -> Result<Reading> {
    let reading = control(group, account)?;
    Ok(Reading { text: number.to_string(), ..reading }.varying())
}

/// How much a group of several processes weighs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowds {
    /// As much as its weight says.
    AsOne,
    /// More, when several of its processes want to run. So it is since Linux 7.3, unless `cgroup_mode` in the
    /// scheduler's debug directory is set to what was before.
    AsMore,
}

impl Crowds {
    /// In the kernel that runs here.
    pub(super) fn here() -> Self {
        if is_at_least((7, 3)) { Self::AsMore } else { Self::AsOne }
    }

    /// What a group of one process has beside a group of three with the same weight, in percent.
    pub(super) fn one_beside_three(self) -> RangeInclusive<u64> {
        match self {
            Self::AsOne => about(50),
            Self::AsMore => *about(25).start()..=*about(50).end(),
        }
    }

    /// That as a claim.
    pub(super) fn claim(self) -> &'static str {
        match self {
            Self::AsOne => "`web` has half",
            Self::AsMore => "`web` has no less than a quarter, and no more than half",
        }
    }

    /// What a group has with so many times the weight, if it was `before` percent.
    pub(super) fn with_weight(self, times: u64, before: u64) -> RangeInclusive<u64> {
        let before = if self == Self::AsOne { 50 } else { before.min(100) };
        about(100 * times * before / (times * before + 100 - before))
    }

    /// That as a claim.
    pub(super) fn claim_of_weight(self) -> &'static str {
        match self {
            Self::AsOne => "`web` has three quarters",
            Self::AsMore => "`web` has three times as much beside `batch` as before",
        }
    }

    /// Why.
    pub(super) fn explanation(self) -> &'static str {
        match self {
            Self::AsOne => {
                "The kernel divides level by level: at first between the groups, and then in each group between those
                 who are in it. How many they are does not count outside. So nobody gets ahead by making processes."
            }
            Self::AsMore => {
                "The kernel divides level by level: at first between the groups, and then in each group between those
                 who are in it. How many they are did not count outside before Linux 7.3. Now a group weighs more when
                 several of its processes want to run."
            }
        }
    }
}

/// About so many percent.
pub(super) fn about(percent: u64) -> RangeInclusive<u64> {
    percent - 8..=percent + 8
}

/// How long it stood still at a time, in milliseconds.
pub(super) fn stop(had: &CpuAccount) -> u64 {
    had.stalled.as_millis() as u64 / had.throttled.max(1)
}

/// What percentage of one CPU that is, with periods of so many milliseconds.
pub(super) fn share(had: &CpuAccount, period: u64) -> u64 {
    let all = Duration::from_millis(period) * had.periods as u32;
    percent(had.used, all)
}

/// What is about a fifth of a CPU, in percent. In a period in which others had the CPU it may be less.
pub(super) fn a_fifth(had: &CpuAccount) -> RangeInclusive<u64> {
    15 * had.throttled / had.periods.max(1)..=23
}

fn percent(part: Duration, whole: Duration) -> u64 {
    (part.as_micros() * 100 + whole.as_micros() / 2).checked_div(whole.as_micros()).unwrap_or(0) as u64
}

fn percentage(label: &str, share: u64, source: String) -> Reading {
    Reading::new(label, source, share.to_string()).varying()
}

/// End programs that do not end by themselves.
pub(super) fn end(stage: &Stage, workers: impl IntoIterator<Item = Child>) -> Result<()> {
    workers.into_iter().try_for_each(|worker| {
        stage.backstage(|| {
            kill(worker.pid(), Sig::SIGKILL)?;
            worker.wait().map(drop)
        })
    })
}
