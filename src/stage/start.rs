//! How long it takes to start a process.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use super::{Result, Stage};
use crate::error::doing;
use crate::kernel::process::{Clone3, wait4};
use crate::kernel::raw;

/// An odd number, so that one of them is in the middle.
const STARTS: usize = 15;

impl Stage {
    /// How long it takes from `clone3(2)` to the first instruction of the child: the median of some starts.
    pub fn time_to_start(&self, clone: Clone3) -> Result<Duration> {
        let mut times = vec![];
        for _ in 0..STARTS {
            times.push(self.backstage(|| start(clone))?);
        }
        times.sort_unstable();
        Ok(times[STARTS / 2])
    }
}

fn start(clone: Clone3) -> Result<Duration> {
    let pipe = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(std::io::Error::from);
    let (reader, writer) = doing("making a pipe", pipe)?;
    let begun = Instant::now();
    let Some(child) = clone.call(None)? else {
        let nanoseconds = begun.elapsed().as_nanos() as u64;
        // A maker that is gone is told by the end of the pipe.
        let told = File::from(writer).write_all(&nanoseconds.to_ne_bytes());
        raw::exit_now(i32::from(told.is_err()))
    };
    drop(writer);
    let mut nanoseconds = [0; 8];
    doing("measuring a start", File::from(reader).read_exact(&mut nanoseconds))?;
    wait4(Some(child))?;
    Ok(Duration::from_nanos(u64::from_ne_bytes(nanoseconds)))
}
