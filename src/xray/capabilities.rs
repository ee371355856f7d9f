//! The capabilities of a process, and what they are good for.

use serde::Serialize;

use super::held::{self, Held};
use super::users::Scope;
use super::{Aspect, Degree, Fact, Reference, Row};
use crate::kernel::capability::{self, Set};
use crate::probe;

#[derive(Debug, Serialize)]
pub(super) struct Capabilities {
    /// What it may do now.
    effective: Fact<Held>,
    /// What it may take into the effective set.
    permitted: Fact<Held>,
    /// What it and its programs can ever get.
    bounding: Fact<Held>,
    /// What programs keep that ask for it.
    inheritable: Fact<Held>,
    /// What programs keep that do not.
    ambient: Fact<Held>,
    /// Whether they count for the whole machine; null if that is not known.
    over_the_machine: Option<bool>,
    #[serde(skip)]
    scope: Scope,
    #[serde(skip)]
    may_gain: bool,
}

/// More than docker's default, and what each one is good for.
const STRONG: [(Set, &str); 7] = [
    (Set::SYS_MODULE, "may load modules"),
    (Set::SYS_ADMIN, "may do most of what root may"),
    (Set::SYS_RAWIO, "may use devices directly"),
    (Set::SYS_PTRACE, "may look into every process that it sees"),
    (Set::DAC_READ_SEARCH, "may read every file"),
    (Set::SYS_TIME, "may set the clock"),
    (Set::BPF, "may load BPF programs"),
];

impl Capabilities {
    pub(super) fn read(pid: i32, scope: Scope) -> Self {
        let all = held::all();
        let held = |field| Held::read(pid, field, all);
        let no_new_privs = probe::process::status(pid, "NoNewPrivs");
        Self {
            effective: held("CapEff"),
            permitted: held("CapPrm"),
            bounding: held("CapBnd"),
            inheritable: held("CapInh"),
            ambient: held("CapAmb"),
            over_the_machine: match scope {
                Scope::Machine => Some(true),
                Scope::Own | Scope::Shared => Some(false),
                Scope::Unknown => None,
            },
            scope,
            may_gain: no_new_privs.is_ok_and(|reading| reading.text == "0"),
        }
    }

    /// What it may do now, and what that is over.
    fn powers(&self, held: &Held) -> String {
        let beyond = held.beyond();
        if held.set.is_empty() {
            return match (&self.bounding, self.may_gain) {
                (Fact::Known(bounding), true) if !bounding.set.is_empty() => {
                    "has none; a program with the set-user-ID bit can gain some".into()
                }
                _ => "has none".into(),
            };
        }
        if beyond.is_empty() {
            return "has no more than docker's default".into();
        }
        let strong = STRONG.iter().filter(|(capability, _)| held.set.contains(*capability));
        let said: Vec<String> = strong
            .map(|(capability, what)| format!("{what}: {}", capability::names(*capability).join(" ")))
            .collect();
        if said.is_empty() {
            format!("has more than docker's default: {}", beyond.join(" "))
        } else {
            said.join("; ")
        }
    }
}

impl Aspect for Capabilities {
    const NAME: &'static str = "capabilities";

    fn rows(&self) -> Vec<Row> {
        let sets = [
            ("effective", &self.effective),
            ("permitted", &self.permitted),
            ("bounding", &self.bounding),
            ("inheritable", &self.inheritable),
            ("ambient", &self.ambient),
        ];
        let row = |(what, held): (&str, &Fact<Held>)| match held {
            Fact::Unknown(unknown) => Row::new(what, unknown, ""),
            Fact::Known(held) if held.summary.starts_with("all") => Row::new(what, &held.summary, ""),
            Fact::Known(held) => Row::new(what, &held.summary, held.listed().join(" ")),
        };
        sets.map(row).into()
    }

    fn verdict(&self, than: &Reference) -> (Degree, String) {
        let Fact::Known(effective) = &self.effective else {
            return (Degree::Unknown, "not readable".into());
        };
        let gains =
            self.may_gain && self.bounding.known().is_none_or(|bounding| !bounding.beyond().is_empty());
        let over = |what: &str| format!("has {}, but only over {what}", effective.summary);
        let degree = match (effective.set.is_empty(), effective.beyond().is_empty()) {
            (true, _) if gains => Degree::Partly,
            (true, _) | (false, true) => Degree::Contained,
            (false, false) => Degree::Open,
        };
        match self.scope {
            Scope::Own if effective.set.is_empty() => (Degree::Contained, self.powers(effective)),
            Scope::Own => (Degree::Contained, over("what its own user namespace owns")),
            Scope::Shared if !effective.set.is_empty() => {
                (degree, over(&format!("what the user namespace that it shares with {} owns", than.name())))
            }
            Scope::Unknown if !effective.set.is_empty() => {
                (Degree::Unknown, format!("has {}; over what is not readable", effective.summary))
            }
            _ => (degree, self.powers(effective)),
        }
    }
}
