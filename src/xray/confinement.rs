//! What forbids a process single actions: a system call filter, `no_new_privs`, a security module.

use serde::Serialize;

use super::fact::{Unknown, if_there};
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::probe;

#[derive(Debug, Serialize)]
pub(super) struct Confinement {
    seccomp: Fact<Seccomp>,
    /// How many filters; null where the kernel does not say: before Linux 5.9.
    seccomp_filters: Option<u64>,
    no_new_privs: Fact<bool>,
    /// What AppArmor, SELinux or Smack call it; null where no security module gives names.
    label: Fact<Option<String>>,
}

/// Whether system calls are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Seccomp {
    None,
    /// Nothing but `read`, `write`, `_exit` and `sigreturn`.
    Strict,
    Filter,
}

impl Confinement {
    pub(super) fn read(pid: i32) -> Self {
        let status = |field| probe::process::status(pid, field);
        let number = |field| status(field).ok().and_then(|reading| reading.text.parse().ok());
        let seccomp = match Fact::from(status("Seccomp")).map(|reading| reading.text) {
            Fact::Known(mode) => match mode.as_str() {
                "0" => Fact::Known(Seccomp::None),
                "1" => Fact::Known(Seccomp::Strict),
                "2" => Fact::Known(Seccomp::Filter),
                other => Fact::Unknown(Unknown::because(format!("seccomp has a mode {other}"))),
            },
            Fact::Unknown(unknown) => Fact::Unknown(unknown),
        };
        // AppArmor has a file of its own since Linux 5.1; `current` is that of whichever module came first.
        let label = ["attr/apparmor/current", "attr/current"]
            .map(|file| if_there(probe::file(format!("/proc/{pid}/{file}"))));
        let [apparmor, current] = label;
        let label = if apparmor.known().is_some_and(Option::is_some) { apparmor } else { current };
        Self {
            seccomp,
            seccomp_filters: number("Seccomp_filters"),
            no_new_privs: Fact::from(status("NoNewPrivs")).map(|reading| reading.text == "1"),
            label: label.map(|label| label.map(|text| text.trim_end_matches('\0').to_string())),
        }
    }

    /// Whether a security module does more than to give it a name.
    fn is_confined(&self) -> bool {
        let free = |label: &str| {
            label.is_empty() || label.starts_with("unconfined") || label.contains(":unconfined_t:")
        };
        matches!(&self.label, Fact::Known(Some(label)) if !free(label))
    }
}

impl Aspect for Confinement {
    const NAME: &'static str = "system calls";

    fn rows(&self) -> Vec<Row> {
        let mode = |mode: &Seccomp| {
            let words = match mode {
                Seccomp::None => "off",
                Seccomp::Strict => "strict: read, write, _exit, sigreturn",
                Seccomp::Filter => "filter",
            };
            words.to_string()
        };
        let count = match self.seccomp_filters {
            Some(1) => "1 filter".into(),
            Some(0) => String::new(),
            Some(count) => format!("{count} filters"),
            None => "how many filters: Linux 5.9 and newer say it".into(),
        };
        let on = |on: &bool| if *on { "on: no program gains privileges" } else { "off" }.to_string();
        let label =
            |label: &Option<String>| label.clone().unwrap_or_else(|| "no security module names it".into());
        vec![
            Row::new("seccomp", self.seccomp.said(mode), count),
            Row::new("no_new_privs", self.no_new_privs.said(on), ""),
            Row::new("label", self.label.said(label), ""),
        ]
    }

    fn verdict(&self, _: &Reference) -> (Degree, String) {
        let filtered = self.seccomp.known().map(|mode| *mode != Seccomp::None);
        let no_gain = self.no_new_privs.known().copied().unwrap_or(false);
        let filter = match filtered {
            Some(true) => "a seccomp filter decides which system calls it may make",
            Some(false) => "may make every system call",
            None => "whether system calls are filtered is not readable",
        };
        let mut said = vec![filter.to_string()];
        if no_gain {
            said.push("gains no privileges by executing programs".into());
        }
        if self.is_confined() {
            let label = self.label.known().cloned().flatten().unwrap_or_default();
            said.push(format!("a security module confines it: {label}"));
        }
        let degree = match filtered {
            Some(true) => Degree::Contained,
            None => Degree::Unknown,
            Some(false) if no_gain || self.is_confined() => Degree::Partly,
            Some(false) => Degree::Open,
        };
        (degree, said.join("; "))
    }
}
