//! How contained something is, in a sentence.

use std::fmt;

use serde::Serialize;

use super::Reference;

/// How contained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Degree {
    /// Apart from what it is compared with.
    Contained,
    /// Apart in a part of it.
    Partly,
    /// Not apart.
    Open,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl Degree {
    /// `Contained` for all, `Open` for none, `Partly` between.
    pub(super) fn of(apart: usize, all: usize) -> Self {
        match apart {
            0 => Degree::Open,
            some if some == all => Degree::Contained,
            _ => Degree::Partly,
        }
    }
}

/// A sentence, and what it amounts to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What it is about.
    pub aspect: &'static str,
    /// What it amounts to.
    pub degree: Degree,
    /// The sentence, without a full stop.
    pub text: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.aspect, self.text)
    }
}

impl Verdict {
    /// Of all aspects together.
    pub(super) fn total(verdicts: &[Verdict], than: &Reference) -> Self {
        let these = |degree: Degree| {
            let names = verdicts.iter().filter(|verdict| verdict.degree == degree);
            names.map(|verdict| verdict.aspect).collect::<Vec<_>>()
        };
        let parts = [
            (Degree::Contained, "contained in"),
            (Degree::Partly, "partly in"),
            (Degree::Open, "open in"),
            (Degree::Unknown, "not known in"),
        ];
        let said = parts.into_iter().map(|(degree, words)| (words, these(degree)));
        let said: Vec<String> = said
            .filter(|(_, names)| !names.is_empty())
            .map(|(words, names)| format!("{words} {}", names.join(", ")))
            .collect();
        let all = verdicts.len();
        let count = |degree| these(degree).len();
        let degree = match (count(Degree::Contained), count(Degree::Partly), count(Degree::Open)) {
            (contained, ..) if count(Degree::Unknown) == 0 => Degree::of(contained, all),
            // What is not known can change nothing about this.
            (_, 1.., _) | (1.., _, 1..) => Degree::Partly,
            _ => Degree::Unknown,
        };
        let head = match degree {
            Degree::Contained => format!("contained: apart from {} in every aspect", than.name()),
            Degree::Partly => format!("partly contained, compared with {}", than.name()),
            Degree::Open if count(Degree::Open) == all => {
                format!("not contained: to {} a process like any other", than.name())
            }
            Degree::Open => format!("hardly contained, compared with {}", than.name()),
            Degree::Unknown => format!("cannot be told in full, compared with {}", than.name()),
        };
        let text = if said.len() > 1 { format!("{head}: {}", said.join("; ")) } else { head };
        Self { aspect: "total", degree, text }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::Role;
    use super::*;

    #[test]
    fn what_is_not_known_is_neither_contained_nor_open() {
        use Degree::{Contained, Open, Partly, Unknown};
        let than = Reference { pid: 1, role: Role::Host, command: "init".into(), instead: None };
        let cases: [(&[Degree], Degree, &str); 7] = [
            (&[Contained, Contained], Contained, "contained: apart from the host in every aspect"),
            (&[Open, Open], Open, "not contained: to the host a process like any other"),
            (&[Open, Partly], Open, "hardly contained, compared with the host: partly in b; open in a"),
            (
                &[Contained, Open],
                Partly,
                "partly contained, compared with the host: contained in a; open in b",
            ),
            (
                &[Contained, Open, Unknown],
                Partly,
                "partly contained, compared with the host: contained in a; open in b; not known in c",
            ),
            (
                &[Contained, Unknown],
                Unknown,
                "cannot be told in full, compared with the host: contained in a; not known in b",
            ),
            (
                &[Open, Unknown],
                Unknown,
                "cannot be told in full, compared with the host: open in a; not known in b",
            ),
        ];
        for (degrees, degree, text) in cases {
            let verdict = |(aspect, degree): (&'static str, &Degree)| Verdict {
                aspect,
                degree: *degree,
                text: String::new(),
            };
            let verdicts: Vec<Verdict> = ["a", "b", "c"].into_iter().zip(degrees).map(verdict).collect();
            let total = Verdict::total(&verdicts, &than);
            assert_eq!((total.degree, total.text.as_str()), (degree, text));
        }
    }
}
