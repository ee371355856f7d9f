//! The process itself: its numbers and its program.

use serde::Serialize;

use super::namespaces::Namespaces;
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::namespace::Kind;
use crate::probe;

#[derive(Debug, Serialize)]
pub(super) struct Process {
    /// Its number in the PID namespace of `/proc`, then in each one below, to its own.
    pids: Vec<u64>,
    name: Fact<String>,
    command_line: Fact<String>,
    executable: Fact<String>,
    parent: Fact<Option<u64>>,
    #[serde(skip)]
    shares_numbers: Option<bool>,
}

impl Process {
    pub(super) fn read(pid: i32, namespaces: &Namespaces) -> Self {
        let text = |result: probe::Result<probe::Reading>| Fact::from(result.map(|reading| reading.text));
        // Before Linux 4.1 there is only the one.
        let pids = probe::process::status(pid, "NSpid").map(|reading| reading.numbers());
        Self {
            pids: pids.unwrap_or_else(|_| vec![pid.unsigned_abs().into()]),
            name: text(probe::process::comm(pid)),
            command_line: text(probe::process::command_line(pid)),
            executable: text(probe::link(format!("/proc/{pid}/exe"))),
            parent: Fact::from(probe::process::status(pid, "PPid")).map(|reading| reading.innermost()),
            shares_numbers: namespaces.shared(Kind::Pid),
        }
    }
}

impl Aspect for Process {
    const NAME: &'static str = "process";

    fn rows(&self) -> Vec<Row> {
        let pids: Vec<String> = self.pids.iter().map(ToString::to_string).collect();
        let note = if pids.len() > 1 { "in each PID namespace, from here to its own" } else { "" };
        vec![
            Row::new("pid", pids.join(" "), note),
            Row::new("name", self.name.said(Clone::clone), ""),
            Row::new("command", self.command_line.said(Clone::clone), ""),
            Row::new("program", self.executable.said(Clone::clone), ""),
            Row::new("parent", self.parent.said(|parent| parent.unwrap_or_default().to_string()), ""),
        ]
    }

    fn verdict(&self, than: &Reference) -> (Degree, String) {
        let (outside, inside) = (self.pids.first().unwrap_or(&0), self.pids.last().unwrap_or(&0));
        let than = than.name();
        match (self.shares_numbers, self.pids.len()) {
            (Some(true), _) => {
                (Degree::Open, format!("counts processes as {than} does, and can name all of them"))
            }
            (Some(false), 1) => {
                (Degree::Open, format!("its number is {outside}, in a PID namespace above that of {than}"))
            }
            (None, 1) => (Degree::Unknown, format!("its number is {outside}")),
            _ => (Degree::Contained, format!("process {outside} is number {inside} inside")),
        }
    }
}
