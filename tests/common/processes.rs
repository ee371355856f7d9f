//! Processes, as `/proc` shows them.

use std::path::PathBuf;

/// A process, told apart from a later one with the same number by the moment at which it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    pub(crate) name: String,
    started: u64,
    state: char,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses, and may have any sign in it.
        let (head, tail) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = tail.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
        Some(Self {
            pid,
            parent: number(1)? as i32,
            session: number(3)? as i32,
            name: head.split_once('(')?.1.into(),
            started: number(19)? as u64,
            state: fields.first()?.chars().next()?,
        })
    }

    /// Whether it still runs; one that only waits to be reaped does not.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started && !matches!(now.state, 'Z' | 'X'))
    }

    /// A file of its directory in `/proc`.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid))
    }
}

/// Every process that can be seen.
pub(crate) fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").map(|entries| entries.flatten().collect()).unwrap_or(vec![]);
    entries.iter().filter_map(|entry| Process::of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Children, their children, and so on.
pub(crate) fn descendants(pid: i32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = vec![];
    let mut makers = vec![pid];
    while let Some(maker) = makers.pop() {
        for process in all.iter().filter(|process| process.parent == maker) {
            makers.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Processes that were started with this text in their environment.
pub(crate) fn with_environment(text: &str) -> Vec<Process> {
    let has = |process: &Process| {
        std::fs::read(process.path("environ"))
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    all().into_iter().filter(|process| has(process) && process.is_alive()).collect()
}
