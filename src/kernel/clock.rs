//! The machine's clock.

use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::ClockId;

use super::Result;
use super::record::call;

/// `clock_settime(2)` of the wall clock, to so long after 1970: for the whole machine, in every namespace.
/// <https://man7.org/linux/man-pages/man2/clock_settime.2.html>
pub fn clock_settime(time: Duration) -> Result<()> {
    let args = || format!("CLOCK_REALTIME, {{tv_sec={}, tv_nsec={}}}", time.as_secs(), time.subsec_nanos());
    call("clock_settime", args, || {
        nix::time::clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(time))
    })
}
