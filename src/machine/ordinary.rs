//! An ordinary user: somebody who may do what everybody may, and nothing else.

use crate::kernel::Result;
use crate::kernel::process::set_dumpable;
use crate::kernel::user::{leave_groups, setresgid, setresuid};
use crate::probe::around;

/// What he goes by: a number that no account has.
pub const ORDINARY: u32 = 60_000;

/// Whether there is such a number here. An ordinary user's own user namespace has one number, and that is root's.
pub fn has_one() -> bool {
    around::has_number(ORDINARY)
}

/// Become the user of this number, with whom all capabilities go.
pub fn become_user(number: u32) -> Result<()> {
    leave_groups()?;
    setresgid(number)?;
    setresuid(number)?;
    set_dumpable()
}
