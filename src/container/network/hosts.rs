//! Names: each member of a network finds the others in its file `/etc/hosts`.
//!
//! It is one file for all of them, changed in place as they come and go: what is mounted is the file, and not its name.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::{Member, Members};
use crate::container::start::etc::LOCAL_HOSTS;

/// The last one has just come.
pub(super) fn add(path: &Path, members: &Members) -> io::Result<()> {
    let (text, own) = (of(&members.all), members.all.last().map_or_else(String::new, line));
    let (file, before) = (open(path)?, text.len() - own.len());
    if file.metadata()?.len() as usize == before {
        return file.write_all_at(own.as_bytes(), before as u64);
    }
    write(path, members)
}

fn of(members: &[Member]) -> String {
    let lines = members.iter().map(line);
    [LOCAL_HOSTS.to_string()].into_iter().chain(lines).collect()
}

fn line(member: &Member) -> String {
    format!("{}\t{}\n", member.address, member.names.join(" "))
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o644).open(path)
}

/// Somebody has gone. What is left of a longer file is blank before it is cut off: nobody reads half a line.
pub(super) fn write(path: &Path, members: &Members) -> io::Result<()> {
    let mut text = of(&members.all);
    let file = open(path)?;
    let length = text.len();
    let before = file.metadata()?.len() as usize;
    text.extend(std::iter::repeat_n('\n', before.saturating_sub(length)));
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(length as u64)
}

/// Whom the members of networks ask for other names: whom the host asks. A server on the host's own loopback address
/// cannot be reached from them; behind that of systemd are those that it asks itself.
pub fn resolvers() -> String {
    let usable = |path: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let lines = text.lines().filter(|line| {
            let server = line.strip_prefix("nameserver").map(str::trim);
            !server.is_some_and(|server| server.starts_with("127.") || server == "::1")
        });
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        text.contains("nameserver").then_some(text)
    };
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"].into_iter().find_map(usable).unwrap_or_default()
}
