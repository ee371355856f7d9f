//! Which system calls a container may make: docker's profiles, and its default policy.
//!
//! A profile is a file of JSON. What it says may depend on the architecture, the kernel, and the capabilities that
//! the container keeps; [`policy`](Profile::policy) settles that.
//! <https://docs.docker.com/engine/security/seccomp/>

mod format;

use serde::Deserialize;

use crate::kernel::arch::{self, Architecture};
use crate::kernel::capability::{self, Set};
use crate::kernel::seccomp::{Action, Filter, Policy, Rule};
use crate::kernel::uts;

/// The profile of every container that is not told otherwise, in docker's format. What it does not allow concerns
/// the machine rather than the container: mounts, modules, clocks, other processes' memory, new namespaces.
pub const DEFAULT: &str = include_str!("profile/default.json");

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the format.
    #[error("a seccomp profile that cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It asks for something that is not done here.
    #[error("a seccomp profile with {what} {name:?}, which glassbox does not know")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

/// A profile, as its file says it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile<'a> {
    default_action: &'a str,
    default_errno_ret: Option<u16>,
    /// A process that decides for others: not here.
    listener_path: Option<&'a str>,
    #[serde(borrow)]
    syscalls: Option<Vec<format::Entry<'a>>>,
}

/// What a profile can depend on.
pub struct Circumstances<'a> {
    /// Whose system calls.
    pub arch: &'a Architecture,
    /// The version of the kernel: major and minor.
    pub kernel: (u32, u32),
    /// The capabilities that the container keeps.
    pub capabilities: Set,
}

impl<'a> Profile<'a> {
    /// Read one.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        Ok(serde_json::from_str(text)?)
    }

    /// What it means here.
    pub fn policy(&self, here: &Circumstances) -> Result<Policy<'a>, Error> {
        if let Some(path) = self.listener_path.filter(|path| !path.is_empty()) {
            return Err(Error::Unknown { what: "a listener", name: path.into() });
        }
        let default = format::action(self.default_action, self.default_errno_ret)?;
        let mut rules = vec![];
        for entry in self.syscalls.iter().flatten() {
            if entry.applies(here)? {
                rules.push(entry.rule()?);
            }
        }
        Ok(Policy { default, rules })
    }
}

/// The filter of a container: of this profile, and for the capabilities that it keeps.
pub fn filter(profile: &str, capabilities: Set) -> Result<Filter, Error> {
    let here = Circumstances { arch: &arch::HERE, kernel: uts::kernel_version(), capabilities };
    Ok(Filter::new(&Profile::parse(profile)?.policy(&here)?))
}

/// The names of the calls that every container may make, whatever their arguments are.
pub fn allowed() -> Result<Vec<&'static str>, Error> {
    let capabilities = capability::DOCKER_DEFAULT;
    let here = Circumstances { arch: &arch::HERE, kernel: uts::kernel_version(), capabilities };
    let rules = Profile::parse(DEFAULT)?.policy(&here)?.rules;
    let always = |rule: &Rule| rule.conditions.is_empty() && rule.action == Action::Allow;
    Ok(rules.into_iter().filter(always).flat_map(|rule| rule.names).collect())
}

/// The filter of every container.
pub fn default_filter() -> Filter {
    // That the profile can be read is held by a test; without it nothing is allowed.
    filter(DEFAULT, capability::DOCKER_DEFAULT).unwrap_or_else(|_| Filter::new(&Policy::allowing([])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_serves_every_architecture() -> Result<(), Error> {
        // A younger architecture has only the newest of the calls for a thing, or a name of its own for it.
        const EITHER: [&[&str]; 4] =
            [&["open", "openat"], &["stat", "newfstatat", "fstatat"], &["poll", "ppoll"], &["dup2", "dup3"]];
        for arch in &arch::ALL {
            let capabilities = capability::DOCKER_DEFAULT;
            let here = Circumstances { arch, kernel: (6, 1), capabilities };
            let policy = Profile::parse(DEFAULT)?.policy(&here)?;
            let named: Vec<&str> = policy.rules.iter().flat_map(|rule| rule.names.iter().copied()).collect();
            let calls = (arch.calls)();
            let known = calls.iter().filter(|(_, name)| named.contains(name)).count();
            assert!(known > 250, "{}: {known}", arch.name);
            for names in EITHER {
                let has =
                    |name: &&&str| named.contains(*name) && calls.iter().any(|(_, known)| known == *name);
                assert!(names.iter().any(|name| has(&name)), "{names:?} on {}", arch.name);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_named() {
        let here = Circumstances { arch: &arch::HERE, kernel: (6, 1), capabilities: Set::empty() };
        let error = |text: &str| {
            let policy = Profile::parse(text).and_then(|profile| profile.policy(&here));
            policy.map_or_else(|error| error.to_string(), |policy| format!("{policy:?}"))
        };
        assert!(error(r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#).contains("SCMP_ACT_NOTIFY"));
        let rule = |text: &str| format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{text}]}}"#);
        let op = r#"{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":1,"op":"LIKE"}]}"#;
        assert!(error(&rule(op)).contains("LIKE"));
        let index = r#"{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}"#;
        assert!(error(&rule(index)).contains("an argument \"6\""));
        assert!(error("[]").contains("cannot be read"));
    }
}
