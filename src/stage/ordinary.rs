//! An ordinary user, on any stage.

use super::{Child, Result, Stage};
use crate::kernel::capability::{Set, capset};
use crate::kernel::fs::write;
use crate::kernel::process::Clone3;
use crate::machine::ordinary::{ORDINARY, become_user, has_one};

impl Stage {
    /// The same as [`Stage::child`] for one that goes by the number [`ORDINARY`], and has no capability.
    ///
    /// Where there is such a number the child takes it. Elsewhere there is one number on this stage, which is root's: a
    /// user namespace in between gives it another name.
    pub fn ordinary(
        &self,
        lane: &str,
        clone: Clone3,
        body: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Child> {
        if !has_one() {
            return self.renamed(lane, clone.newuser(), body);
        }
        self.child(lane, clone, |inside| {
            inside.backstage(|| become_user(ORDINARY))?;
            // The kernel has forgotten that with the number.
            inside.die_with_maker()?;
            body(inside)
        })
    }

    fn renamed(
        &self,
        lane: &str,
        clone: Clone3,
        body: impl FnOnce(&mut Stage) -> Result<()>,
    ) -> Result<Child> {
        let mut child = self.child(lane, clone, |inside| {
            inside.hold()?;
            inside.backstage(|| capset(Set::empty()))?;
            body(inside)
        })?;
        let pid = child.pid();
        self.backstage(|| {
            let map = |name| write(format!("/proc/{pid}/{name}"), format!("{ORDINARY} 0 1"));
            ["uid_map", "gid_map"].into_iter().try_for_each(map)
        })?;
        child.go_on();
        Ok(child)
    }
}
