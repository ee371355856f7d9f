//! The clocks, as the caller's time namespace shows them.
//! <https://man7.org/linux/man-pages/man7/time_namespaces.7.html>

use std::fmt::Display;
use std::path::{Path, PathBuf};

use nix::time::{ClockId, clock_gettime};

use super::{Reading, Result, keyed, unreadable};

/// A clock of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The wall clock: since 1970.
    Realtime,
    /// Since boot, without the time for which the machine was suspended.
    Monotonic,
    /// Since boot.
    Boottime,
}

/// What a clock shows, in whole seconds.
/// <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>
pub fn now(clock: Clock) -> Result<Reading> {
    let (id, name) = match clock {
        Clock::Realtime => (ClockId::CLOCK_REALTIME, "CLOCK_REALTIME"),
        Clock::Monotonic => (ClockId::CLOCK_MONOTONIC, "CLOCK_MONOTONIC"),
        Clock::Boottime => (ClockId::CLOCK_BOOTTIME, "CLOCK_BOOTTIME"),
    };
    let time = clock_gettime(id).map_err(|errno| unreadable(Path::new(name), errno))?;
    Ok(Reading::new(name, format!("clock_gettime({name})"), time.tv_sec().to_string()).varying())
}

/// How long the machine has been up, in whole seconds: what `uptime` shows.
pub fn uptime() -> Result<Reading> {
    let reading = super::file("/proc/uptime")?;
    let seconds = reading.text.split('.').next().unwrap_or_default().to_string();
    Ok(Reading { text: seconds, ..reading }.labelled("/proc/uptime").varying())
}

/// How far a clock, `monotonic` or `boottime`, is moved for the children of a process: seconds and nanoseconds.
pub fn offset(who: impl Display, clock: &str) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/timens_offsets"));
    let value = keyed(&path, clock)?;
    Ok(Reading::new(format!("{who} {clock}"), format!("{} {clock}", path.display()), value))
}
