//! The ledger of a run: what has to be removed when it is over, one JSON line each, written before the
//! thing itself is made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Identity;
use crate::kernel::Errno;
use crate::kernel::error::answer;

/// Set by a lesson for the commands of ours that it runs: the groups of their containers are called after its run, and
/// whoever clears up after it finds them by that.
pub const GROUP_STEM: &str = "GLASSBOX_GROUP_STEM";

/// Something on the host that outlives the process that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// The run's director: while it lives, nothing is swept.
    Director(Identity),
    /// A process of the run.
    Process(Identity),
    /// A cgroup directory of ours.
    Cgroup(PathBuf),
    /// Cgroups whose names begin so, and go on behind a dash: those of the containers of a run.
    CgroupsOf(String),
    /// Cgroups of this name that a student is asked to make, wherever that will be. Processes in them are
    /// the student's own: a group that has any is left alone.
    StudentCgroups(String),
    /// A directory with all that is in it.
    Directory(PathBuf),
    /// A file behind a loop device, by its name. The kernel takes it away with the device's last descriptor: nothing
    /// but time is needed, unless somebody else has opened the device meanwhile.
    LoopFile(String),
}

/// An open ledger. It stays writable when the file system around it is exchanged.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
}

impl Ledger {
    /// Begin the ledger of the run `id`, in the directory `runs`.
    pub fn begin(runs: &Path, id: &str) -> io::Result<Self> {
        fs::create_dir_all(runs)?;
        let path = runs.join(format!("{id}.ledger"));
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Write down something that is about to be made.
    pub fn note(&self, trace: &Trace) -> io::Result<()> {
        let mut line = serde_json::to_vec(trace)?;
        line.push(b'\n');
        (&self.file).write_all(&line)
    }

    /// Go on with a ledger that was begun earlier.
    pub fn resume(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { path: path.into(), file })
    }

    /// The same ledger, for another process.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone(), file: self.file.try_clone()? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Everything in a ledger; a line cut off by a power cut is passed over.
pub fn read(path: &Path) -> io::Result<Vec<Trace>> {
    let content = fs::read_to_string(path)?;
    Ok(content.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Remove everything in a ledger, the latest first, then the ledger itself.
///
/// What could not be removed is returned, one sentence each, and the ledger stays for the next sweep.
pub fn settle(path: &Path) -> io::Result<Vec<String>> {
    let traces = read(path)?;
    // First of all, from the outside in: what is frozen cannot end, nor what waits for a device.
    for trace in &traces {
        if let Trace::Cgroup(dir) = trace {
            let _ = crate::kernel::cgroup::thaw_dir(dir);
            let _ = crate::kernel::cgroup::unthrottle_dir(dir);
        }
    }
    let left: Vec<String> = traces.iter().rev().filter_map(|trace| remove(trace).err()).collect();
    if left.is_empty() {
        fs::remove_file(path)?;
    }
    Ok(left)
}

/// Remove one thing; that it is gone already is as good.
pub fn remove(trace: &Trace) -> Result<(), String> {
    let gone = |result: io::Result<()>, path: &Path| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{}: {}", path.display(), answer(&error)))
        }
        _ => Ok(()),
    };
    match trace {
        Trace::Director(_) => Ok(()),
        Trace::Process(identity) => {
            identity.end();
            Ok(())
        }
        Trace::Directory(path) => gone(fs::remove_dir_all(path), path),
        Trace::StudentCgroups(name) => remove_student_cgroups(name),
        Trace::LoopFile(name) => await_detachment(name),
        Trace::CgroupsOf(stem) => remove_cgroups_of(stem),
        Trace::Cgroup(path) if !path.exists() => Ok(()),
        Trace::Cgroup(path) => remove_cgroup(path),
    }
}

/// With every process in it.
fn remove_cgroup(path: &Path) -> Result<(), String> {
    for pid in crate::probe::cgroup::processes(path).unwrap_or_default() {
        if let Some(identity) = Identity::of(crate::kernel::Pid::from_raw(pid)) {
            identity.end();
        }
    }
    match crate::kernel::cgroup::remove_dir(path) {
        // Whoever looks after a container removes its group, too, and may be at it just now.
        Err(error) if error.errno == Errno::ENOENT => Ok(()),
        removed => removed.map_err(|error| error.to_string()),
    }
}

fn remove_cgroups_of(stem: &str) -> Result<(), String> {
    let places = crate::probe::cgroup::hierarchies().map_err(|error| error.to_string())?.places();
    let is_of = |name: &str| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'));
    places.iter().filter(|place| is_of(place.name())).try_for_each(|place| remove_cgroup(&place.dir))
}

fn await_detachment(name: &str) -> Result<(), String> {
    // A file system on it is unmounted first, and what was not written is written then.
    const PATIENCE: u32 = 2000;
    for _ in 0..PATIENCE {
        if crate::probe::block::with_file(name).is_empty() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    match crate::probe::block::with_file(name).first() {
        Some(device) => Err(format!("the file behind {}: somebody uses the device", device.display())),
        None => Ok(()),
    }
}

fn remove_student_cgroups(name: &str) -> Result<(), String> {
    let places = crate::probe::cgroup::hierarchies().map_err(|error| error.to_string())?.places();
    let is_empty =
        |dir: &Path| crate::probe::cgroup::processes(dir).is_ok_and(|processes| processes.is_empty());
    let empty = places.iter().filter(|place| place.name() == name && is_empty(&place.dir));
    // One that has groups of its own is in use, too.
    for place in empty.filter(|place| !places.iter().any(|other| other.dir.parent() == Some(&place.dir))) {
        crate::kernel::cgroup::remove_dir(&place.dir).map_err(|error| error.to_string())?;
    }
    Ok(())
}
