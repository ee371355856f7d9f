//! Whether something is possible is found out by doing it, in a child that then ends.

use std::fs::File;
use std::io::{Read, Write};

use crate::kernel::{Errno, Error, Result, process, raw, record};

/// Do `work` in a child, and report the call that was refused, if one was.
pub(super) fn attempt(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let engine = |call, errno| Error { call, args: String::new(), errno };
    let (reader, writer) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|errno| engine("pipe2", errno))?;
    let Some(pid) = raw::fork().map_err(|errno| engine("fork", errno))? else {
        record::install(None);
        drop(reader);
        if let Err(Error { call, args, errno }) = work() {
            // If the parent has gone, nobody wants to know.
            let _ = write!(File::from(writer), "{} {call} {args}", errno as i32);
        }
        raw::exit_now(0);
    };
    drop(writer);
    let mut report = String::new();
    let heard = File::from(reader).read_to_string(&mut report);
    process::wait4(Some(pid))?;
    heard.map_err(|_| engine("read", Errno::EIO))?;
    let mut words = report.splitn(3, ' ');
    match words.next().and_then(|number| number.parse().ok()) {
        None => Ok(()),
        Some(number) => Err(Error {
            call: known(words.next().unwrap_or_default()),
            args: words.next().unwrap_or_default().into(),
            errno: Errno::from_raw(number),
        }),
    }
}

/// The static name of a call that came through the pipe.
fn known(name: &str) -> &'static str {
    const NAMES: [&str; 9] =
        ["unshare", "mount", "open", "write", "clone3", "seccomp", "mkdir", "chdir", "setns"];
    NAMES.iter().find(|known| **known == name).copied().unwrap_or("a system call")
}
