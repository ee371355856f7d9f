//! Claims, held against what the kernel shows.

use std::ops::RangeInclusive;

use super::{Error, Result, Stage};
use crate::event::{Body, Check};
use crate::kernel::{Errno, Pid};
use crate::probe::Reading;

/// A value as it is written in a check.
pub trait Shown {
    /// The value as text.
    fn shown(&self) -> String;
}

macro_rules! shown_as_displayed {
    ($($type:ty),*) => { $(impl Shown for $type {
        fn shown(&self) -> String {
            self.to_string()
        }
    })* };
}
shown_as_displayed!(i32, u32, u64, usize, &str, String, &String, Pid, Reading, &Reading);

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.into()
    }
}

impl Shown for Errno {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Shown for Option<Errno> {
    fn shown(&self) -> String {
        self.map_or("granted".into(), |errno| format!("{errno:?}"))
    }
}

impl<T: Shown, const N: usize> Shown for [T; N] {
    fn shown(&self) -> String {
        self.iter().map(T::shown).collect::<Vec<_>>().join(" ")
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        self.iter().map(T::shown).collect::<Vec<_>>().join(" ")
    }
}

/// Something seen: a [`Reading`], or a value together with where it comes from.
pub trait Evidence {
    /// What was seen.
    fn text(&self) -> String;
    /// Where.
    fn source(&self) -> String;
    /// Whether another run can see something else.
    fn varies(&self) -> bool {
        false
    }
}

impl Evidence for &Reading {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn varies(&self) -> bool {
        self.varies
    }
}

impl<T: Shown, S: AsRef<str>> Evidence for (T, S) {
    fn text(&self) -> String {
        self.0.shown()
    }

    fn source(&self) -> String {
        self.1.as_ref().into()
    }
}

enum Expected {
    Equal(String),
    Other(String),
    AtLeast(u64),
    AtMost(u64),
    Within(RangeInclusive<u64>),
}

/// A claim that is being made; `saw` completes it.
#[must_use = "a claim that is not held against anything proves nothing"]
pub struct CheckBuilder<'a> {
    stage: &'a Stage,
    claim: String,
    expected: Expected,
}

impl Stage {
    /// Make a claim. Unless told otherwise it expects `yes`.
    pub fn check(&self, claim: impl Into<String>) -> CheckBuilder<'_> {
        CheckBuilder { stage: self, claim: claim.into(), expected: Expected::Equal(true.shown()) }
    }
}

impl CheckBuilder<'_> {
    /// The claim says that exactly this is seen.
    pub fn expect(mut self, value: impl Shown) -> Self {
        self.expected = Expected::Equal(value.shown());
        self
    }

    /// The claim says that something else than this is seen.
    pub fn expect_other_than(mut self, value: impl Shown) -> Self {
        self.expected = Expected::Other(value.shown());
        self
    }

    /// The claim says that the number is this or more.
    pub fn expect_at_least(mut self, value: u64) -> Self {
        self.expected = Expected::AtLeast(value);
        self
    }

    /// The claim says that the number is this or less.
    pub fn expect_at_most(mut self, value: u64) -> Self {
        self.expected = Expected::AtMost(value);
        self
    }

    /// The claim says that the number is one of these.
    pub fn expect_within(mut self, range: RangeInclusive<u64>) -> Self {
        self.expected = Expected::Within(range);
        self
    }

    /// Hold the claim against what was seen. If it does not hold, the lesson has failed.
    pub fn saw(self, evidence: impl Evidence) -> Result<()> {
        let seen = evidence.text();
        let number = seen.parse::<u64>().ok();
        let (expected, holds) = match self.expected {
            Expected::Equal(value) => (value.clone(), seen == value),
            Expected::Other(value) => (format!("not {value}"), seen != value),
            Expected::AtLeast(least) => {
                (format!("at least {least}"), number.is_some_and(|seen| seen >= least))
            }
            Expected::AtMost(most) => (format!("at most {most}"), number.is_some_and(|seen| seen <= most)),
            Expected::Within(range) => (
                format!("{} to {}", range.start(), range.end()),
                number.is_some_and(|seen| range.contains(&seen)),
            ),
        };
        let passed = holds && !self.stage.fault.get();
        self.stage.show(Body::Check(Check {
            claim: self.claim.clone(),
            expected,
            seen,
            source: evidence.source(),
            passed,
            varies: evidence.varies(),
        }));
        if passed { Ok(()) } else { Err(Error::Claim(self.claim)) }
    }
}
