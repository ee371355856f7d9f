//! Passing on what is for others: without it no packet leaves a bridge for another network.
//!
//! It is a setting of the whole machine. If it was off, it is switched on with the first network and off again with the
//! last one, and in between nothing is passed on but what has to do with a bridge of ours: the machine does not become
//! a router between its other networks. A file says that it was switched on here; it is of no worth after the machine
//! has been started again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::bridge::STEM;
use crate::container::error::{Result, doing};
use crate::kernel::net::{IP_FORWARD, forward_packets};
use crate::kernel::nftables::{Action, Hook, Match, TableRule, delete_table, replace_table};
use crate::kernel::{self, link};

/// The table with the rule for everybody else.
const TABLE: &str = "glassbox-forward";

fn mark(dir: &Path) -> PathBuf {
    dir.join("forwarding")
}

/// A number that the machine has since it was started.
fn boot() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    doing(format!("cannot read {PATH}"), fs::read_to_string(PATH))
}

fn is_on() -> Result<bool> {
    Ok(doing(format!("cannot read {IP_FORWARD}"), fs::read_to_string(IP_FORWARD))?.trim() == "1")
}

/// Switch it on, if it is not.
pub(super) fn begin(dir: &Path) -> Result<()> {
    if is_on()? {
        return Ok(());
    }
    let mark = mark(dir);
    doing(format!("cannot write {}", mark.display()), fs::write(&mark, boot()?))?;
    let all = format!("{STEM}*");
    let matches = vec![Match::NotIn(all.clone()), Match::NotOut(all)];
    replace_table(TABLE, &[TableRule { hook: Hook::Forward, matches, action: Action::Drop }], &[])?;
    Ok(forward_packets()?)
}

/// Switch it off, if it was switched on here, and nobody else's bridge needs it.
pub(super) fn end(dir: &Path) -> Result<()> {
    let mark = mark(dir);
    let since = match fs::read_to_string(&mark) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        since => doing(format!("cannot read {}", mark.display()), since)?,
    };
    let others = link::links()?.iter().any(|link| link.name.starts_with(STEM));
    if since == boot()? && !others {
        kernel::fs::write(IP_FORWARD, "0")?;
        delete_table(TABLE)?;
    }
    forget(dir)
}

/// Where it was switched on is no more.
pub(super) fn forget(dir: &Path) -> Result<()> {
    let mark = mark(dir);
    match fs::remove_file(&mark) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => doing(format!("cannot remove {}", mark.display()), removed),
    }
}
