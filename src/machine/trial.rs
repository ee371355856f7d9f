//! Whether something is possible is found out by doing it, in a child that then ends.

use std::fs::File;
use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::{Errno, Error, Result, raw, record};

/// Do `work` in a child, and report the call that was refused, if one was.
pub(super) fn attempt(work: impl FnOnce() -> Result<()>) -> Result<()> {
    ask(work)
}

/// What `work` finds out in a child, or the call that was refused to it.
pub(super) fn ask<T: Serialize + DeserializeOwned>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let engine = |call, errno| Error { call, args: String::new(), errno };
    let (reader, writer) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|errno| engine("pipe2", errno))?;
    let Some(pid) = raw::fork().map_err(|errno| engine("fork", errno))? else {
        record::install(None);
        drop(reader);
        let told = work().map_err(|Error { call, args, errno }| (call, args, errno as i32));
        // If the parent has gone, nobody wants to know.
        let _ = serde_json::to_writer(File::from(writer), &told);
        raw::exit_now(0);
    };
    drop(writer);
    let mut report = String::new();
    let heard = File::from(reader).read_to_string(&mut report);
    // Not the recorded one: this may be asked in the middle of a lesson, and is no part of it.
    while nix::sys::wait::waitpid(pid, None) == Err(Errno::EINTR) {}
    heard.map_err(|_| engine("read", Errno::EIO))?;
    let told: std::result::Result<T, (String, String, i32)> =
        serde_json::from_str(&report).map_err(|_| engine("read", Errno::EIO))?;
    // A name has to live as long as those that are in the program: a few bytes for each refused call.
    told.map_err(|(call, args, errno)| Error { call: call.leak(), args, errno: Errno::from_raw(errno) })
}
