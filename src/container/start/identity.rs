//! Who a process of a container runs as: what its image, or a person, calls him.

use rustix::process::getgroups;

use crate::container::error::{Error, Result};
use crate::kernel::{Errno, short, user};

/// A user of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Where he lives.
    pub(crate) home: String,
}

/// A user, by `name`, `uid`, `name:group`, `uid:gid`; root if nothing is said. The names are those of the container.
pub(crate) fn find(given: &str) -> Result<Identity> {
    let passwd = short::text("/etc/passwd").unwrap_or_default();
    let groups = short::text("/etc/group").unwrap_or_default();
    of(given, &passwd, &groups)
}

fn of(given: &str, passwd: &str, groups: &str) -> Result<Identity> {
    let (user, group) = given.split_once(':').map_or((given, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { "0" } else { user };
    let by_name = passwd.lines().find_map(|line| entry(line).filter(|entry| entry.name == user));
    let number = user.parse::<u32>().ok();
    let by_number = || passwd.lines().find_map(|line| entry(line).filter(|entry| Some(entry.uid) == number));
    let found = by_name.or_else(by_number);
    let uid = found.as_ref().map(|entry| entry.uid).or(number).ok_or_else(|| unknown("user", user))?;
    let mut identity = Identity { uid, gid: 0, groups: vec![], home: "/".into() };
    if let Some(Entry { name, gid, home, .. }) = found {
        identity.gid = gid;
        identity.home = if home.is_empty() { "/".into() } else { home };
        // With a group of his own choice he has no others.
        if group.is_none() {
            identity.groups = groups.lines().filter_map(|line| member(line, &name)).collect();
        }
    }
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        let by_name = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == group).then(|| fields.nth(1)?.parse().ok())?
        });
        identity.gid = by_name.or_else(|| group.parse().ok()).ok_or_else(|| unknown("group", group))?;
    }
    Ok(identity)
}

fn unknown(what: &str, name: &str) -> Error {
    let hint = format!(
        "its /etc/passwd and /etc/group name others; a number always does: --user 1000:1000 ({name})"
    );
    Error::usage(format!("the container has no {what} {name:?}"), hint)
}

/// A line of `/etc/passwd`.
struct Entry {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
    Some(Entry { name: (*name).into(), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: (*home).into() })
}

/// The group of a line of `/etc/group`, if this user is a member.
fn member(line: &str, name: &str) -> Option<u32> {
    let mut fields = line.split(':').skip(2);
    let (gid, members) = (fields.next()?, fields.next()?);
    if members.split(',').any(|member| member == name) { gid.parse().ok() } else { None }
}

impl Identity {
    /// Whether he is root of the container.
    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Run as him.
    pub(crate) fn assume(&self) -> Result<()> {
        // Who maps his own number alone may not change groups; then there is nothing to leave either.
        let may = || !short::text("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny");
        let has = || getgroups().map_or(true, |groups| !groups.is_empty());
        if (!self.groups.is_empty() || has()) && may() {
            self.mapped(user::setgroups(&self.groups))?;
        }
        if self.gid != 0 || !self.is_root() {
            self.mapped(user::setresgid(self.gid))?;
        }
        if !self.is_root() {
            self.mapped(user::setresuid(self.uid))?;
        }
        Ok(())
    }

    /// A user namespace has only the numbers that were mapped into it.
    fn mapped(&self, result: crate::kernel::Result<()>) -> Result<()> {
        match result {
            Err(error) if error.errno == Errno::EINVAL => {
                let why = format!("this user's containers have no user {}:{}", self.uid, self.gid);
                Err(Error::usage(
                    why,
                    "root grants numbers, in /etc/subuid and /etc/subgid: usermod --add-subuids",
                ))
            }
            done => Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:www:/srv:/bin/false\n# no entry\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlogs:x:50:web,other\n";

    #[test]
    fn names_and_numbers_mean_the_same_user() -> Result<()> {
        let web = Identity { uid: 33, gid: 34, groups: vec![50], home: "/srv".into() };
        assert_eq!(of("web", PASSWD, GROUP)?, web);
        assert_eq!(of("33", PASSWD, GROUP)?, web);
        assert_eq!(of("web:logs", PASSWD, GROUP)?, Identity { gid: 50, groups: vec![], ..web });
        assert_eq!(of("", PASSWD, GROUP)?.home, "/root");
        let stranger = Identity { uid: 1000, gid: 7, groups: vec![], home: "/".into() };
        assert_eq!(of("1000:7", "", "")?, stranger);
        assert!(of("nobody", PASSWD, GROUP).is_err() && of("web:nobody", PASSWD, GROUP).is_err());
        Ok(())
    }
}
