//! The performer: the process that runs the lesson, on a stage of its own.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::rc::Rc;

use super::channel::Channel;
use super::{Error, Lesson, Result, Stage};
use crate::error::doing;
use crate::kernel::process::{Sig, getpid};
use crate::kernel::{fs, raw};
use crate::machine::Mode;
use crate::trace::{Ledger, RunId, Trace};

/// What does not change while a lesson runs.
pub struct Scene {
    /// The name of this run.
    pub run: RunId,
    /// With which powers it runs.
    pub mode: Mode,
    /// Where whatever outlives processes is written down.
    pub ledger: Ledger,
    /// A directory on a disk, open because the stage hides its path.
    pub disk: Option<File>,
    /// How many nodes the learner wants, if he says so.
    pub nodes: Option<usize>,
}

impl Scene {
    /// Write down something that is about to be made.
    pub fn note(&self, trace: &Trace) -> Result<()> {
        doing(format!("writing {}", self.ledger.path().display()), self.ledger.note(trace))
    }

    /// A command line for another terminal that runs `command` in some of the namespaces of `pid`, with the
    /// powers that this user has: `kinds` are the flags of `nsenter(1)`, such as `-p -m`.
    pub fn nsenter(&self, pid: impl std::fmt::Display, kinds: &str, command: &str) -> String {
        self.mode.nsenter(pid, kinds, command)
    }

    /// A file without a name on a disk: it is gone when its last descriptor is closed.
    pub fn disk_file(&self) -> Result<File> {
        let disk = self.disk.as_ref().ok_or_else(|| Error::Lesson("there is no disk directory".into()))?;
        Ok(fs::open_unnamed(format!("/proc/self/fd/{}", disk.as_raw_fd()))?)
    }
}

impl Stage {
    /// A command line for another terminal that runs `command` in some of the namespaces of this very process.
    pub fn nsenter(&self, kinds: &str, command: &str) -> Result<String> {
        let own = self.backstage(getpid)?;
        Ok(self.scene.nsenter(own, kinds, command))
    }
}

/// Be the performer of `lesson`: set the stage, perform, and say with which status to exit.
pub(super) fn perform(lesson: &Lesson, channel: Channel, scene: Scene) -> i32 {
    // Ends with its director, however that ends; one that is gone already is noticed at the first word.
    if raw::set_parent_death_signal(Some(Sig::SIGKILL)).is_err() {
        return 1;
    }
    let mode = scene.mode;
    let mut stage = Stage::new(channel, Rc::new(scene), None);
    stage.act(|stage| {
        stage.backstage(|| mode.enter())?;
        (lesson.run)(stage)?;
        if stage.step == lesson.steps {
            Ok(())
        } else {
            Err(Error::Lesson(format!("{} says {} steps and has {}", lesson.id, lesson.steps, stage.step)))
        }
    })
}
