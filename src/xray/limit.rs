//! How much of something a process may have: the limit of its cgroup, and the tighter ones of those above it.

use serde::Serialize;

use super::{Fact, Row};
use crate::kernel::Errno;
use crate::kernel::cgroup::{
    CPU_MAX, CPU_PERIOD, Control, Controller, Group, MEMORY_HIERARCHY, Membership, Place,
};
use crate::probe::{self, Reading};

/// How much of something there may be.
#[derive(Debug, Serialize)]
pub(super) struct Limit {
    /// The limit of the group itself; null if it has none.
    pub(super) own: Option<Setting>,
    /// The tightest of those of the group and the groups above it; null if there is none.
    pub(super) effective: Option<Setting>,
    pub(super) used: Option<Setting>,
    /// How much the machine has; null where that is no limit.
    pub(super) machine: Option<u64>,
}

/// A value, and the file that it was read from.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Setting {
    pub(super) value: u64,
    pub(super) file: String,
}

/// A control of a group; `None` where the group does not have the file, or it sets no limit.
pub(super) type Reader = fn(&Group) -> probe::Result<Option<Setting>>;

/// The content of a control, if the group has it.
fn content(group: &Group, control: Control) -> probe::Result<Option<Reading>> {
    match probe::cgroup::control(group, control) {
        Ok(reading) => Ok(Some(reading)),
        Err(error) if error.errno == Some(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A control that is a number.
pub(super) fn number(group: &Group, control: Control) -> probe::Result<Option<Setting>> {
    /// In version 1 no limit is the largest number of bytes in whole pages.
    const NO_LIMIT: u64 = (1 << 63) - (1 << 20);
    let setting = |Reading { text, source, .. }| {
        let value = text.parse().ok().filter(|value| *value < NO_LIMIT)?;
        Some(Setting { value, file: source })
    };
    Ok(content(group, control)?.and_then(setting))
}

/// The CPU time in a period, by the period.
pub(super) fn cpus(group: &Group) -> probe::Result<Option<Setting>> {
    let (quota, period) = (content(group, CPU_MAX)?, content(group, CPU_PERIOD)?);
    let setting = |(quota, period): (Reading, Reading)| {
        // `max 100000` in version 2, `-1` in version 1: no limit.
        let allowed: u64 = quota.text.split(' ').next()?.parse().ok()?;
        let period = period.innermost().filter(|period| *period > 0)?;
        Some(Setting { value: allowed * 1000 / period, file: quota.source })
    };
    Ok(quota.zip(period).and_then(setting))
}

impl Limit {
    /// `groups` are the process's own and those above it whose limits hold, too.
    pub(super) fn read(
        groups: &[Group],
        limit: Reader,
        used: Reader,
        machine: Option<u64>,
    ) -> probe::Result<Self> {
        let limits = groups.iter().map(limit).collect::<probe::Result<Vec<_>>>()?;
        let own = limits.first().cloned().flatten();
        let tightest = limits.into_iter().flatten().min_by_key(|setting| setting.value);
        Ok(Self {
            own,
            used: groups.first().map(used).transpose()?.flatten(),
            effective: tightest.filter(|setting| machine.is_none_or(|machine| setting.value < machine)),
            machine,
        })
    }
}

/// The group of the process and those above it, as far as their limits of this controller hold for it.
pub(super) fn binding(memberships: &[Membership], controller: Controller) -> Option<Vec<Group>> {
    // Version 2 serves a controller that no tree of version 1 has taken.
    let of = memberships.iter().find(|membership| membership.serves(controller))?;
    let all = of.groups.iter().map(|place: &Place| Group::found(place, controller));
    let mut binding: Vec<Group> = vec![];
    for group in all {
        let apart = controller == Controller::Memory
            && !binding.is_empty()
            && probe::cgroup::control(&group, MEMORY_HIERARCHY).is_ok_and(|reading| reading.text == "0");
        if apart {
            break;
        }
        binding.push(group);
    }
    Some(binding)
}

/// `64 MiB`, or the bytes where they are not whole.
pub(super) fn bytes(count: u64) -> String {
    match count {
        _ if count >= 1 << 30 && count.is_multiple_of(1 << 30) => format!("{} GiB", count >> 30),
        _ if count >= 1 << 20 && count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        _ if count >= 1 << 20 => format!("{:.1} MiB", count as f64 / f64::from(1 << 20)),
        _ => format!("{} KiB", count >> 10),
    }
}

pub(super) fn cpu(thousandths: u64) -> String {
    match thousandths {
        1000 => "1 CPU".into(),
        _ => format!("{} CPUs", thousandths as f64 / 1000.0),
    }
}

pub(super) fn processes(count: u64) -> String {
    if count == 1 { "1 process".into() } else { format!("{count} processes") }
}

pub(super) fn rows_of(what: &str, limit: &Fact<Limit>, unit: fn(u64) -> String) -> Vec<Row> {
    let limit = match limit {
        Fact::Known(limit) => limit,
        Fact::Unknown(unknown) => return vec![Row::new(what, unknown, "")],
    };
    let mut rows = match &limit.own {
        Some(Setting { value, file }) => vec![Row::new(what, format!("at most {}", unit(*value)), file)],
        None => vec![Row::new(what, "no limit of its own", "")],
    };
    let tighter = |setting: &&Setting| limit.own.as_ref().is_none_or(|own| own.file != setting.file);
    if let Some(Setting { value, file }) = limit.effective.as_ref().filter(tighter) {
        rows.push(Row::new("", format!("in effect at most {}", unit(*value)), format!("from above: {file}")));
    }
    if let Some(Setting { value, file }) = &limit.used {
        rows.push(Row::new("", format!("in use {}", unit(*value)), file));
    }
    rows
}
