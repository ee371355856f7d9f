//! A student's workbench: a lab of one home, and the shell in which the student works on it.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use glassbox::kernel::process::{Sig, kill};
use glassbox::trace::Identity;
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Home, Ran, eventually, finish};

/// What a student's shell finds: its processes are told by this variable, and ended with the bench.
const STUDENT: &str = "GLASSBOX_TEST_STUDENT";

/// What every student's shell knows.
const TOOLS: &str = r#"
    # The number of the process with this name; without one, with the name that was drawn.
    process() { grep -lx "${1-$name}" /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/,,;s,/comm$,,'; }
    # End a process, and wait until it is gone, or a zombie.
    end() {
        kill -KILL $1
        await_end $1
    }
    await_end() {
        for try in $(seq 600); do grep -qs 'State:.[RSDT]' /proc/$1/status || return 0; sleep 0.1; done
    }"#;

/// The exit code of a script that says on standard error why it cannot be done on this machine.
const CANNOT: i32 = 77;

pub(crate) struct Bench {
    pub(crate) lab: &'static str,
    pub(crate) home: Home,
}

impl Bench {
    /// A lab that has not been started.
    pub(crate) fn empty(lab: &'static str) -> Self {
        Self { lab, home: Home::new() }
    }

    /// A lab whose scene stands.
    pub(crate) fn started(lab: &'static str) -> Self {
        let bench = Self::empty(lab);
        bench.start();
        bench
    }

    /// Set the scene; returns the assignment.
    pub(crate) fn start(&self) -> String {
        self.expect(0, self.home.run(["lab", "start", self.lab])).out
    }

    /// One of the lab's commands.
    pub(crate) fn run(&self, action: &str) -> Ran {
        self.home.run(["lab", action, self.lab])
    }

    pub(crate) fn expect(&self, code: i32, ran: Ran) -> Ran {
        assert_eq!(ran.code, Some(code), "lab {}: {ran}", self.lab);
        ran
    }

    /// `lab check`, with an answer if there is one.
    pub(crate) fn check(&self, answer: &str) -> Ran {
        let mut command = self.home.glassbox(["lab", "check", self.lab]);
        command.args(answer.split_whitespace());
        finish(&mut command)
    }

    /// The reference's work; returns its answer.
    pub(crate) fn solve(&self) -> String {
        let solved = self.expect(0, self.home.run(["lab", "solve", self.lab, "--yes"]));
        assert!(solved.out.contains("the reference solution was used"), "{solved}");
        let check = format!("glassbox lab check {}", self.lab);
        let (_, answer) = solved.out.split_once(&check).expect("solve says how to check");
        answer.trim().into()
    }

    /// A text with what was drawn in place of `$name`.
    pub(crate) fn fill(&self, text: &str) -> String {
        let values = self.values();
        values
            .iter()
            .fold(text.into(), |text: String, (name, value)| text.replace(&format!("${name}"), value))
    }

    /// Where the record of this lab is.
    pub(crate) fn file(&self) -> PathBuf {
        self.home.state().join(format!("labs/{}.json", self.lab))
    }

    /// What is kept of this lab.
    pub(crate) fn record(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    /// What was drawn.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.record()["values"].clone()).unwrap()
    }

    /// The process that holds the scene, where there is one.
    pub(crate) fn holder(&self) -> Option<Identity> {
        serde_json::from_value(self.record()["holder"].clone()).unwrap()
    }

    /// Do what a student does, in a shell that knows the values that the assignment names, and nothing else.
    /// Returns what the script writes: the answer, where the lab asks a question. An `Err` says why this
    /// cannot be done here.
    pub(crate) fn student(&self, task: &str, script: &str) -> Result<String, String> {
        let mut shell = self.home.script(&format!("set -eu\n{TOOLS}\n{script}"));
        shell.env(STUDENT, self.home.path());
        let task = task.split_whitespace().collect::<Vec<_>>().join(" ");
        shell.envs(self.values().into_iter().filter(|(_, value)| task.contains(value.as_str())));
        let ran = finish(&mut shell);
        match ran.code {
            Some(0) => Ok(ran.out),
            Some(CANNOT) => Err(ran.err.trim().into()),
            _ => panic!("the student of lab {} could not do\n{script}\n{ran}", self.lab),
        }
    }

    /// Processes that belong to the lab or its student, by a variable in their environment.
    fn with_variable(&self, name: &str) -> Vec<Identity> {
        let wanted = [name.as_bytes(), b"=", self.home.path().as_os_str().as_bytes()].concat();
        let has = |pid: &Pid| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|variable| variable == wanted)
        };
        processes().into_iter().filter(has).filter_map(Identity::of).collect()
    }

    /// Every process that was made with this home: by the lab, or by its student.
    pub(crate) fn processes(&self) -> Vec<Identity> {
        let alive = |process: &Identity| process.is_alive();
        self.with_variable("XDG_STATE_HOME").into_iter().filter(alive).collect()
    }

    /// Every cgroup whose name has the lab's drawn name in it, the innermost first.
    pub(crate) fn cgroups(&self) -> Vec<PathBuf> {
        let Ok(record) = std::fs::read(self.file()) else { return vec![] };
        let record: Value = serde_json::from_slice(&record).unwrap_or_default();
        record["values"]["name"].as_str().map_or_else(Vec::new, cgroups_named)
    }
}

/// Every cgroup in whose name this is, with those below it, the innermost first.
pub(crate) fn cgroups_named(name: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, name: &str, below: bool, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let named = below || entry.file_name().to_string_lossy().contains(name);
            walk(&entry.path(), name, named, found);
            found.extend(Some(entry.path()).filter(|_| named));
        }
    }
    let mut found = vec![];
    walk(Path::new("/sys/fs/cgroup"), name, false, &mut found);
    found
}

fn processes() -> Vec<Pid> {
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw);
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(number).collect()
}

/// End these, and wait until they are gone.
pub(crate) fn end(processes: &[Identity]) {
    for process in processes.iter().filter(|process| process.is_alive()) {
        // It may end by itself meanwhile.
        let _ = kill(process.pid(), Sig::SIGKILL);
    }
    eventually("processes end", || !processes.iter().any(|process| process.is_alive()));
}

impl Drop for Bench {
    /// What students made is theirs, so `lab reset` leaves it: the bench clears it away.
    fn drop(&mut self) {
        let groups = self.cgroups();
        end(&self.with_variable(STUDENT));
        finish(&mut self.home.glassbox(["lab", "reset", self.lab]));
        for group in groups {
            // A process that has just ended keeps its group busy for a moment: this waits for it.
            let _ = glassbox::kernel::cgroup::remove_dir(&group);
        }
    }
}

/// The command line of a process.
pub(crate) fn line(process: &Identity) -> String {
    let line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")
}
