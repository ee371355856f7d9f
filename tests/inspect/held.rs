//! A process that a test has started, and that ends with the test however that ends.

use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::processes::{Process, descendants};
use crate::common::{PATIENCE, eventually};

/// What a container runs: it says that it is there, and ends when nobody holds its input any more.
pub(crate) const SCRIPT: [&str; 3] = ["sh", "-c", "echo ready; read end"];

/// A running command, held by its standard input.
pub(crate) struct Held {
    child: Child,
}

impl Held {
    /// Start it, and wait until the program inside says that it is there; what it says instead, if it ends.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let mut errors = tempfile::tempfile().unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone().unwrap());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let held = Self { child };
        if said.trim() == "ready" {
            return Ok(held);
        }
        drop(held);
        errors.rewind().unwrap();
        let mut why = String::new();
        errors.read_to_string(&mut why).unwrap();
        Err(why.trim().replace('\n', "; "))
    }

    /// The pid of the command itself.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The pid of the program inside: the last one of the line that the command began.
    pub(crate) fn inside(&self) -> i32 {
        descendants(self.pid()).last().map_or(self.pid(), |process| process.pid)
    }

    /// End it as a container ends by itself: its program is done.
    pub(crate) fn end(&mut self) {
        let processes: Vec<Process> = descendants(self.pid());
        drop(self.child.stdin.take());
        let started = std::time::Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                self.child.kill().unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        eventually("its processes end", || processes.iter().all(|process| !process.is_alive()));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end();
    }
}

/// Remove the cgroup of this name, and those in it, from every tree, as soon as nobody is in them any more.
pub(crate) fn remove_cgroups(name: &str) {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let trees = mounts.lines().filter(|line| line.contains(" - cgroup"));
    for dir in trees.filter_map(|line| line.split(' ').nth(4)).map(|tree| Path::new(tree).join(name)) {
        eventually(format!("{} can be removed", dir.display()), || {
            let inner = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path());
            for group in inner.filter(|path| path.is_dir()).chain([dir.clone()]) {
                // Busy for a moment, while its last process ends; or gone already.
                let _ = std::fs::remove_dir(group);
            }
            !dir.exists()
        });
    }
}
