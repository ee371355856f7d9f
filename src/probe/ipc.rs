//! What the reader's own IPC namespace holds.
//! <https://man7.org/linux/man-pages/man5/proc_sysvipc.5.html>

use std::fmt;
use std::path::PathBuf;

use super::{Reading, Result, text, unreadable};

/// The three kinds of System V objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemV {
    /// Shared memory.
    Shm,
    /// Sets of semaphores.
    Sem,
    /// Message queues.
    Msg,
}

impl fmt::Display for SystemV {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            SystemV::Shm => "shm",
            SystemV::Sem => "sem",
            SystemV::Msg => "msg",
        })
    }
}

/// A line of `/proc/sysvipc/KIND`: a key, which the kernel writes as a signed number, and the fields after it.
type Object = (i32, Vec<String>);

fn objects(kind: SystemV) -> Result<(PathBuf, Vec<Object>)> {
    let path = PathBuf::from(format!("/proc/sysvipc/{kind}"));
    let object = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.map(Into::into).collect()))
    };
    let objects = text(&path)?.lines().skip(1).filter_map(object).collect();
    Ok((path, objects))
}

/// The keys of the objects of a kind.
pub fn keys(kind: SystemV) -> Result<Reading> {
    let (path, objects) = objects(kind)?;
    let mut keys: Vec<String> = objects.iter().map(|(key, _)| format!("{key:#x}")).collect();
    keys.sort();
    let text = if keys.is_empty() { "(none)".into() } else { keys.join(" ") };
    Ok(Reading::new(format!("{kind} keys"), path.display().to_string(), text))
}

/// How many messages wait in the queue with this key.
pub fn messages(key: i32) -> Result<Reading> {
    const QNUM: usize = 3; // behind msqid, perms and cbytes
    let (path, objects) = objects(SystemV::Msg)?;
    let fields = objects.iter().find(|(found, _)| *found == key).map(|(_, fields)| fields);
    let count = fields.and_then(|fields| fields.get(QNUM));
    let count = count.ok_or_else(|| unreadable(&path, format!("it has no key {key:#x}")))?;
    Ok(Reading::new(format!("messages in {key:#x}"), format!("{} qnum", path.display()), count.clone()))
}
