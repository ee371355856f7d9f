//! What an IPC namespace holds: System V objects, and POSIX message queues.
//! <https://man7.org/linux/man-pages/man7/sysvipc.7.html>

use std::os::fd::{IntoRawFd, OwnedFd};

use nix::mqueue::{MQ_OFlag, MqAttr};
use nix::sys::stat::Mode;

use super::record::{call, flag_names, quoted};
use super::{Result, raw};

/// Whether an object that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `IPC_CREAT|0600`: for its owner alone.
    Create,
    /// `IPC_CREAT` with mode 0: not even its owner may use it.
    CreateClosed,
    /// It is an error: ENOENT.
    Refuse,
}

impl Missing {
    fn flags(self) -> i32 {
        match self {
            Missing::Create => nix::libc::IPC_CREAT | 0o600,
            Missing::CreateClosed => nix::libc::IPC_CREAT,
            Missing::Refuse => 0,
        }
    }

    fn names(self) -> &'static str {
        match self {
            Missing::Create => "IPC_CREAT|0600",
            Missing::CreateClosed => "IPC_CREAT|000",
            Missing::Refuse => "0",
        }
    }
}

/// `shmget(2)`: the number of the shared memory segment with this key.
/// <https://man7.org/linux/man-pages/man2/shmget.2.html>
pub fn shmget(key: i32, size: usize, missing: Missing) -> Result<usize> {
    let args = || format!("{key:#x}, {size}, {}", missing.names());
    call("shmget", args, || raw::shmget(key, size, missing.flags()).map(|id| id as usize))
}

/// `semget(2)`: the number of the set of `count` semaphores with this key.
/// <https://man7.org/linux/man-pages/man2/semget.2.html>
pub fn semget(key: i32, count: i32, missing: Missing) -> Result<usize> {
    let args = || format!("{key:#x}, {count}, {}", missing.names());
    call("semget", args, || raw::semget(key, count, missing.flags()).map(|id| id as usize))
}

/// `msgget(2)`: the number of the message queue with this key.
/// <https://man7.org/linux/man-pages/man2/msgget.2.html>
pub fn msgget(key: i32, missing: Missing) -> Result<usize> {
    let args = || format!("{key:#x}, {}", missing.names());
    call("msgget", args, || raw::msgget(key, missing.flags()).map(|id| id as usize))
}

/// `msgsnd(2)`: put a message of type 1 into the queue with this number.
/// <https://man7.org/linux/man-pages/man2/msgop.2.html>
pub fn msgsnd(queue: usize, text: &str) -> Result<()> {
    let args = || format!("{queue}, {{mtype=1, mtext={}}}, {}, 0", quoted(text), text.len());
    call("msgsnd", args, || raw::msgsnd(queue as i32, text.as_bytes()))
}

/// `mq_open(3)`: the POSIX message queue with this name, which begins with a slash.
/// <https://man7.org/linux/man-pages/man3/mq_open.3.html>
pub fn mq_open(name: &str, missing: Missing) -> Result<OwnedFd> {
    let creates = missing == Missing::Create;
    let flags = MQ_OFlag::O_RDWR | MQ_OFlag::O_CLOEXEC;
    let flags = if creates { flags | MQ_OFlag::O_CREAT } else { flags };
    let mode = if creates { ", 0600" } else { "" };
    let size = MqAttr::new(0, 10, 64, 0); // ten messages of 64 bytes
    call(
        "mq_open",
        || format!("{}, {}{mode}", quoted(name), flag_names(&flags)),
        || {
            let opened =
                nix::mqueue::mq_open(name, flags, Mode::S_IRUSR | Mode::S_IWUSR, creates.then_some(&size))?;
            Ok(raw::own(opened.into_raw_fd()))
        },
    )
}
