//! Disks of a lesson: loop devices whose files are in the memory of its own `/tmp`.

use super::{Result, Stage};
use crate::kernel::block::Loop;
use crate::kernel::fs;
use crate::trace::Trace;

impl Stage {
    /// Attach a loop device of this size. It takes no more memory than is written to it.
    pub fn loop_device(&self, name: &str, bytes: u64) -> Result<Loop> {
        let file = format!("glassbox-{}-{name}", self.scene.run);
        self.scene.note(&Trace::LoopFile(file.clone()))?;
        fs::create_sparse(&file, bytes)?;
        Ok(Loop::attach(&file)?)
    }
}
