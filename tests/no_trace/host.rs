//! The host, as far as a lesson could leave something on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::processes::{self, Process};
use crate::common::{Home, find_tool, is_root};

/// What belongs to nobody in particular: it has to be after a run what it was before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    mounts: BTreeSet<String>,
    links: BTreeSet<String>,
    rules: Vec<String>,
    /// Loop devices that have a file, but for those of lessons, which other tests perform meanwhile.
    loops: Vec<String>,
}

impl Host {
    pub(crate) fn look() -> Self {
        let lines = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounts = format!("{}{}", lines("/proc/self/mountinfo"), lines("/proc/1/mountinfo"));
        let links = lines("/proc/net/dev");
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_string());
        Self {
            mounts: mounts.lines().map(Into::into).collect(),
            links: links.lines().filter_map(name).collect(),
            rules: firewall(),
            // One that is just being given its file has none for a moment.
            loops: loops(|file| !file.is_empty() && !file.contains("glassbox-")),
        }
    }
}

/// Loop devices whose file has such a name. One whose file is gone by name is shown as deleted.
pub(crate) fn loops(is_one: impl Fn(&str) -> bool) -> Vec<String> {
    let file = |device: &String| {
        let shown = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file")).ok()?;
        is_one(shown.trim_end()).then(|| format!("{device}: {}", shown.trim_end()))
    };
    names(Path::new("/sys/block")).iter().filter_map(file).collect()
}

/// The rules of the firewall, where there is one and this user may see it. Counters move by themselves.
fn firewall() -> Vec<String> {
    let programs = [("nft", &["-s", "list", "ruleset"][..]), ("iptables-save", &[]), ("ip6tables-save", &[])];
    let here = programs.into_iter().filter(|(program, _)| is_root() && find_tool(program).is_some());
    let rules = |(program, args): (&str, &[&str])| {
        let output = Command::new(program).args(args).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rules: Vec<String> =
            text.lines().filter(|line| !line.starts_with(['#', ':'])).map(Into::into).collect();
        Some(rules)
    };
    here.filter_map(rules).flatten().collect()
}

/// One run of a lesson, and everything that is known to be its own.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its name, in every name that it gives to something.
    id: String,
    processes: Vec<Process>,
    /// Names in its own `/tmp`, which nobody else may see.
    private: BTreeSet<String>,
    /// What is in the host's `/tmp`.
    tmp: BTreeSet<String>,
}

impl Run {
    /// The run in `home` whose director is `director`, while it waits.
    pub(crate) fn look(home: &Home, director: i32) -> Self {
        let ledgers = home.ledgers();
        let [ledger] = ledgers.as_slice() else { panic!("a run has one ledger, not {ledgers:?}") };
        let processes = processes::descendants(director);
        let mut private: BTreeSet<_> =
            processes.iter().flat_map(|process| names(&process.path("root/tmp"))).collect();
        // The janitor's /tmp is the host's: what others have just made there is no name of the run's.
        let tmp = names(Path::new("/tmp"));
        private.retain(|name| !tmp.contains(name));
        Self { id: ledger.file_stem().unwrap().to_string_lossy().into_owned(), processes, private, tmp }
    }

    /// The janitor: the director's child in a session of its own.
    pub(crate) fn janitor(&self, director: i32) -> &Process {
        let is_it = |process: &&Process| process.parent == director && process.session == process.pid;
        self.processes.iter().find(is_it).expect("a run has a janitor")
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its cgroups that are there.
    pub(crate) fn cgroups(&self) -> Vec<PathBuf> {
        cgroups(&format!("glassbox-{}", self.id))
    }

    /// Its loop devices that have a file.
    pub(crate) fn loops(&self) -> Vec<String> {
        loops(|file| file.contains(&format!("glassbox-{}", self.id)))
    }

    /// Everything of this run that is there, a sentence each.
    pub(crate) fn remains(&self, home: &Home) -> Vec<String> {
        let mut remains: Vec<String> = vec![];
        let alive = self.processes.iter().filter(|process| process.is_alive());
        remains.extend(alive.map(|process| format!("the process {process:?}")));
        remains.extend(self.cgroups().iter().map(|dir| format!("the cgroup {}", dir.display())));
        remains.extend(self.loops().iter().map(|device| format!("the loop device {device}")));
        remains.extend(common_remains(home));
        let new = names(Path::new("/tmp")).into_iter().filter(|name| !self.tmp.contains(name));
        let own = new.filter(|name| self.private.contains(name) || name.contains(&self.id));
        remains.extend(own.map(|name| format!("/tmp/{name}")));
        remains
    }
}

/// What can be told to be of a run in `home` without having seen it.
pub(crate) fn common_remains(home: &Home) -> Vec<String> {
    let environment = home.path().to_string_lossy().into_owned();
    let processes = processes::with_environment(&environment);
    let mut remains: Vec<String> =
        processes.iter().map(|process| format!("the process {process:?}, by its environment")).collect();
    remains.extend(files(home.path()).iter().map(|file| format!("the file {}", file.display())));
    remains
}

/// Cgroups whose name begins like this, in any tree.
pub(crate) fn cgroups(stem: &str) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let trees = mounts.lines().filter(|line| line.contains(" - cgroup"));
    let mut waiting: Vec<PathBuf> = trees.filter_map(|line| line.split(' ').nth(4).map(Into::into)).collect();
    let mut found = vec![];
    while let Some(dir) = waiting.pop() {
        if dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(stem)) {
            found.push(dir.clone());
        }
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        waiting.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    found
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Files in a directory and those below it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
