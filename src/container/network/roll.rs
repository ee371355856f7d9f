//! Who is on a network, in a file: a line for each, which is added when he comes. With a thousand on it, writing all of
//! them anew takes longer than starting one; this is done when somebody goes.
//!
//! Nothing waits for the disk: after a power cut nobody is on a network.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Member, Members};
use crate::state::write_at_once;

/// What a line says; what it does not mention stays as it was.
#[derive(Serialize, Deserialize)]
struct Line<M> {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<M>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
}

/// Everybody. A line that was not written to its end is that of somebody who has not come.
pub(super) fn read(path: &Path) -> io::Result<Members> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Members::default()),
        text => text?,
    };
    let mut members = Members::default();
    for line in text.split(|sign| *sign == b'\n').filter_map(|line| serde_json::from_slice(line).ok()) {
        let Line::<Member> { member, last, stale } = line;
        members.all.extend(member);
        members.last = last.or(members.last);
        members.stale = stale.unwrap_or(members.stale);
    }
    Ok(members)
}

/// The last one has just come.
pub(super) fn add(path: &Path, members: &Members) -> io::Result<()> {
    // Behind a line that was cut off another one begins.
    let mut text = vec![b'\n'];
    push(&mut text, members, members.all.last())?;
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&text)
}

/// Somebody has gone.
pub(super) fn write(path: &Path, members: &Members) -> io::Result<()> {
    let mut text = vec![];
    push(&mut text, members, None)?;
    members.all.iter().try_for_each(|member| push(&mut text, members, Some(member)))?;
    write_at_once(path, &text)
}

fn push(text: &mut Vec<u8>, members: &Members, member: Option<&Member>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &Line { member, last: members.last, stale: Some(members.stale) })?;
    text.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::records::Id;

    #[test]
    fn whoever_was_cut_off_has_not_come() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("members");
        let mut members = read(&path)?;
        assert!(members.all.is_empty(), "a network that nobody has come to");
        let mut come = |last: u8, whole: bool| {
            let address = Ipv4Addr::new(10, 9, 0, last);
            let (id, name, names, ports) = (Id::draw(), last.to_string(), vec![], vec![]);
            members.all.push(Member { id, name, address, names, ports });
            members.last = Some(address);
            add(&path, &members)?;
            if !whole {
                members.all.pop();
                let text = fs::read(&path)?;
                fs::write(&path, &text[..text.len() - 9])?;
            }
            Ok::<_, io::Error>(())
        };
        come(2, true)?;
        come(3, false)?;
        come(4, true)?;
        let names = |members: &Members| members.all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let found = read(&path)?;
        assert_eq!((names(&found), found.last), (vec!["2".into(), "4".into()], members.last));
        members.all.remove(0);
        members.stale = true;
        write(&path, &members)?;
        let found = read(&path)?;
        assert_eq!((names(&found), found.last, found.stale), (vec!["4".into()], members.last, true));
        Ok(())
    }
}
