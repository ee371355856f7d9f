//! Cgroups of a lesson: in the ledger before they exist, so that the janitor finds them however the lesson ends.

use std::ops::Deref;

use super::{Result, Stage};
use crate::error::doing;
use crate::kernel::cgroup::{Controller, Group, Hierarchies};
use crate::trace::Trace;

/// A cgroup that the lesson made.
pub struct LessonGroup {
    group: Group,
}

impl Stage {
    /// Make a cgroup `glassbox-RUN-NAME` with these controllers, below the place that this user may use.
    pub fn cgroup(&self, name: &str, controllers: &[Controller]) -> Result<LessonGroup> {
        let hierarchies = doing("reading /proc/self/mountinfo", Hierarchies::detect())?;
        let name = format!("glassbox-{}-{name}", self.scene.run);
        self.make(Group::plan(&hierarchies, &name, controllers)?)
    }

    /// Make a cgroup inside of another one.
    pub fn cgroup_below(&self, parent: &Group, name: &str) -> Result<LessonGroup> {
        self.make(parent.below(name))
    }

    fn make(&self, group: Group) -> Result<LessonGroup> {
        for dir in group.dirs() {
            self.scene.note(&Trace::Cgroup(dir.to_path_buf()))?;
        }
        group.create()?;
        Ok(LessonGroup { group })
    }
}

impl LessonGroup {
    /// Remove it: the group has to be empty of processes.
    pub fn remove(self) -> Result<()> {
        Ok(self.group.remove()?)
    }
}

impl Deref for LessonGroup {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}
