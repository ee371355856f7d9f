//! The CPUs of the machine.

use std::path::Path;

use super::{Reading, Result, text};

/// How many CPUs are switched on, whoever may use them.
/// <https://man7.org/linux/man-pages/man5/proc_stat.5.html>
pub fn count() -> Result<Reading> {
    const PATH: &str = "/proc/stat";
    let content = text(Path::new(PATH))?;
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()))
    };
    Ok(Reading::new("CPUs", PATH, content.lines().filter(is_one).count().to_string()))
}
