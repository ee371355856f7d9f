//! The cgroups of a process, and what they limit it to.

use std::path::PathBuf;

use serde::Serialize;

use super::fact::Unknown;
use super::limit::{self, Limit, Reader, Setting, binding, bytes, cpu, number, processes, rows_of};
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::cgroup::{
    CPU_WEIGHT, Controller, Group, MEMORY_CURRENT, MEMORY_MAX, Membership, PIDS_CURRENT, PIDS_MAX, Version,
};
use crate::probe;

#[derive(Debug, Serialize)]
pub(super) struct Cgroups {
    /// One in each tree.
    groups: Fact<Vec<GroupOf>>,
    /// In bytes.
    memory: Fact<Limit>,
    /// In processes.
    pids: Fact<Limit>,
    /// In thousandths of a CPU.
    cpu: Fact<Limit>,
    /// The share of the CPU time among the groups beside it.
    cpu_weight: Fact<Option<Setting>>,
}

/// The group of the process in one tree.
#[derive(Debug, Serialize)]
struct GroupOf {
    /// The tree's controllers; empty for version 2.
    tree: String,
    version: u8,
    /// As the caller's cgroup namespace shows it.
    path: String,
    /// Where it is mounted; null if the caller cannot see it.
    directory: Option<PathBuf>,
}

impl Cgroups {
    pub(super) fn read(pid: i32) -> Self {
        let memberships = probe::file(format!("/proc/{pid}/cgroup")).and_then(|own| {
            let trees = probe::cgroup::hierarchies()?;
            Ok(trees.memberships(&own.text))
        });
        let memberships = Fact::from(memberships);
        let limit = |controller, limit: Reader, used: Reader, machine| {
            of_groups(&memberships, controller, |groups| Limit::read(groups, limit, used, machine))
        };
        let memory = probe::memory::total().ok().and_then(|total| Some(total.numbers().first()? * 1024));
        let cpus = probe::cpu::count().ok().and_then(|count| Some(count.numbers().first()? * 1000));
        Self {
            memory: limit(
                Controller::Memory,
                |group| number(group, MEMORY_MAX),
                |group| number(group, MEMORY_CURRENT),
                memory,
            ),
            pids: limit(
                Controller::Pids,
                |group| number(group, PIDS_MAX),
                |group| number(group, PIDS_CURRENT),
                None,
            ),
            cpu: limit(Controller::Cpu, limit::cpus, |_| Ok(None), cpus),
            cpu_weight: of_groups(&memberships, Controller::Cpu, |groups| number(&groups[0], CPU_WEIGHT)),
            groups: memberships.map(|memberships| memberships.iter().map(GroupOf::from).collect()),
        }
    }
}

/// What is read from the groups that count for a controller: the process's own is the first.
fn of_groups<T>(
    memberships: &Fact<Vec<Membership>>,
    controller: Controller,
    read: impl FnOnce(&[Group]) -> probe::Result<T>,
) -> Fact<T> {
    match memberships {
        Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
        Fact::Known(memberships) => match binding(memberships, controller) {
            Some(groups) => Fact::from(read(&groups)),
            None => Fact::Unknown(missing(memberships, controller)),
        },
    }
}

/// Why nothing is known of a controller.
fn missing(memberships: &[Membership], controller: Controller) -> Unknown {
    let outside = memberships.iter().any(|membership| membership.groups.is_empty());
    Unknown::because(match outside {
        true => format!("no tree with the {controller} controller is mounted here that shows its group"),
        false => format!("no mounted tree has the {controller} controller"),
    })
}

impl From<&Membership> for GroupOf {
    fn from(membership: &Membership) -> Self {
        Self {
            tree: membership.tree.clone(),
            version: if membership.version == Version::V2 { 2 } else { 1 },
            path: membership.path.clone(),
            directory: membership.groups.first().map(|place| place.dir.clone()),
        }
    }
}

/// Version 1 has many trees, and a process most of the time the same path in several of them.
fn groups_by_path(groups: &[GroupOf]) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    for GroupOf { tree, path, directory, .. } in groups {
        let tree = if tree.is_empty() { "version 2" } else { tree };
        let value = if directory.is_some() { path.clone() } else { format!("{path} (not mounted here)") };
        match rows.iter_mut().find(|row| row.value == value) {
            Some(row) => row.note += &format!(", {tree}"),
            None => rows.push(Row::new("cgroup", value, tree)),
        }
    }
    rows
}

impl Aspect for Cgroups {
    const NAME: &'static str = "limits";

    fn rows(&self) -> Vec<Row> {
        let mut rows = rows_of("memory", &self.memory, bytes);
        rows.extend(rows_of("processes", &self.pids, processes));
        rows.extend(rows_of("CPU time", &self.cpu, cpu));
        if let Some(Some(Setting { value, file })) = self.cpu_weight.known() {
            rows.push(Row::new("CPU share", value, file));
        }
        match &self.groups {
            Fact::Unknown(unknown) => rows.push(Row::new("cgroup", unknown, "")),
            Fact::Known(groups) => rows.extend(groups_by_path(groups)),
        }
        rows
    }

    fn verdict(&self, _: &Reference) -> (Degree, String) {
        let kinds = [
            (&self.memory, "memory", bytes as fn(u64) -> String),
            (&self.pids, "processes", |count| count.to_string()),
            (&self.cpu, "CPU time", cpu),
        ];
        let mut said = vec![];
        let mut limited = 0;
        for (limit, what, unit) in kinds {
            said.push(match limit {
                Fact::Unknown(_) => format!("the limit of {what} is not readable here"),
                Fact::Known(Limit { effective: Some(setting), .. }) => {
                    limited += 1;
                    format!("at most {} of {what}", unit(setting.value))
                }
                Fact::Known(Limit { machine: Some(_), .. }) => {
                    format!("no limit of {what} below the machine's")
                }
                Fact::Known(_) => format!("no limit of {what}"),
            });
        }
        if kinds.iter().all(|(limit, ..)| limit.known().is_none()) {
            return (Degree::Unknown, "its limits are not readable here".into());
        }
        let all_known = kinds.iter().all(|(limit, ..)| limit.known().is_some());
        let degree =
            if limited == 0 && !all_known { Degree::Unknown } else { Degree::of(limited, kinds.len()) };
        (degree, said.join(", "))
    }
}
