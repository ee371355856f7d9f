//! The parts of docker's format.
//! <https://github.com/moby/profiles/blob/main/seccomp/seccomp.go>

use serde::Deserialize;

use super::{Circumstances, Error};
use crate::kernel::Errno;
use crate::kernel::capability::Set;
use crate::kernel::seccomp::{Action, Comparison, Condition, Rule};

/// An entry of the list of rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow, default)]
    names: Vec<&'a str>,
    /// As it was written before there were several.
    name: Option<&'a str>,
    action: &'a str,
    errno_ret: Option<u16>,
    #[serde(borrow)]
    args: Option<Vec<Argument<'a>>>,
    #[serde(borrow)]
    includes: Option<Selection<'a>>,
    #[serde(borrow)]
    excludes: Option<Selection<'a>>,
}

/// Something that has to be true of an argument.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument<'a> {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: &'a str,
}

/// Where an entry counts, or does not.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection<'a> {
    #[serde(borrow)]
    arches: Option<Vec<&'a str>>,
    #[serde(borrow)]
    caps: Option<Vec<&'a str>>,
    min_kernel: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// Whether it counts here.
    pub(super) fn applies(&self, here: &Circumstances) -> Result<bool, Error> {
        let everywhere = Selection::default();
        let wanted = self.includes.as_ref().unwrap_or(&everywhere);
        let unwanted = self.excludes.as_ref().unwrap_or(&everywhere);
        let arch = here.arch.name_in_images();
        let is_here = |arches: &Vec<&str>| arches.contains(&arch);
        let keeps = |name: &str| {
            // One that this program does not know is not kept either.
            Set::from_name(name.strip_prefix("CAP_").unwrap_or(name))
                .is_some_and(|set| here.capabilities.contains(set))
        };
        let is_new = |version: Option<&str>| version.map(|text| at_least(here.kernel, text)).transpose();
        Ok(wanted.arches.as_ref().is_none_or(|arches| arches.is_empty() || is_here(arches))
            && !unwanted.arches.as_ref().is_some_and(is_here)
            && wanted.caps.iter().flatten().all(|name| keeps(name))
            && !unwanted.caps.iter().flatten().any(|name| keeps(name))
            && is_new(wanted.min_kernel)?.unwrap_or(true)
            && !is_new(unwanted.min_kernel)?.unwrap_or(false))
    }

    /// What it says.
    pub(super) fn rule(&self) -> Result<Rule<'a>, Error> {
        let names = self.names.iter().copied().chain(self.name).collect();
        let conditions = self.args.iter().flatten().map(Argument::condition).collect::<Result<_, _>>()?;
        Ok(Rule { names, conditions, action: action(self.action, self.errno_ret)? })
    }
}

impl Argument<'_> {
    fn condition(&self) -> Result<Condition, Error> {
        let unknown = |what, name: &dyn ToString| Error::Unknown { what, name: name.to_string() };
        let argument = u8::try_from(self.index).ok().filter(|index| *index < 6);
        let argument = argument.ok_or_else(|| unknown("an argument", &self.index))?;
        let (comparison, value) = match self.op {
            "SCMP_CMP_EQ" => (Comparison::Equal, self.value),
            "SCMP_CMP_NE" => (Comparison::NotEqual, self.value),
            "SCMP_CMP_LT" => (Comparison::Less, self.value),
            "SCMP_CMP_LE" => (Comparison::LessOrEqual, self.value),
            "SCMP_CMP_GT" => (Comparison::Greater, self.value),
            "SCMP_CMP_GE" => (Comparison::GreaterOrEqual, self.value),
            "SCMP_CMP_MASKED_EQ" => (Comparison::MaskedEqual { mask: self.value }, self.value_two),
            other => return Err(unknown("a comparison", &other)),
        };
        Ok(Condition { argument, comparison, value })
    }
}

/// An action by its name. What fails without an errno fails with `EPERM`.
pub(super) fn action(name: &str, errno: Option<u16>) -> Result<Action, Error> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_ERRNO" => errno.map_or(Action::refuse(Errno::EPERM), Action::Errno),
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        _ => return Err(Error::Unknown { what: "an action", name: name.into() }),
    })
}

/// Whether the kernel is of a version such as `4.8`, or of a later one.
fn at_least(kernel: (u32, u32), version: &str) -> Result<bool, Error> {
    let parse = || {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let version: (u32, u32) =
        parse().ok_or_else(|| Error::Unknown { what: "a kernel version", name: version.into() })?;
    Ok(kernel >= version)
}
