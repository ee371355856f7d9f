//! What a container is called: a number of 64 digits, of which a few at its beginning will do, and a name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::container::error::{Error, Result};
use crate::machine::random;

/// The number of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(String);

impl Id {
    /// How many digits it has.
    const DIGITS: usize = 64;
    /// How many of them people see.
    const SHORT: usize = 12;

    /// A new one.
    pub fn draw() -> Self {
        Self((0..4).map(|_| format!("{:016x}", random())).collect())
    }

    /// From the name of a directory.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |sign: u8| sign.is_ascii_digit() || (b'a'..=b'f').contains(&sign);
        (text.len() == Self::DIGITS && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// As many digits as people see.
    pub fn short(&self) -> &str {
        &self.0[..Self::SHORT]
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

const QUALITIES: [&str; 32] = [
    "able", "bold", "brave", "bright", "calm", "clear", "clever", "deft", "eager", "exact", "fair", "fleet",
    "gentle", "glad", "keen", "kind", "light", "lively", "lucid", "merry", "neat", "noble", "patient",
    "plain", "quick", "quiet", "ready", "sharp", "sober", "steady", "swift", "wise",
];

const PEOPLE: [&str; 32] = [
    "allen",
    "backus",
    "codd",
    "dijkstra",
    "engelbart",
    "floyd",
    "goldberg",
    "hamilton",
    "hoare",
    "hopper",
    "kay",
    "kernighan",
    "knuth",
    "lamport",
    "lamarr",
    "liskov",
    "lovelace",
    "mcilroy",
    "meitner",
    "mills",
    "milner",
    "naur",
    "noether",
    "perlis",
    "ritchie",
    "shannon",
    "stallman",
    "thompson",
    "torvalds",
    "turing",
    "wirth",
    "zuse",
];

/// A name for a container that was given none.
pub(super) fn draw_name() -> String {
    let number = random();
    let quality = QUALITIES[(number % 32) as usize];
    let person = PEOPLE[(number >> 5) as usize % 32];
    // Of these there are a million.
    format!("{quality}_{person}{}", number >> 10 & 0x3ff)
}

/// Whether a container may be called so, by docker's rule.
pub(super) fn check_name(name: &str) -> Result<()> {
    let rest = |sign: u8| sign.is_ascii_alphanumeric() || b"_.-".contains(&sign);
    let first = name.bytes().next().is_some_and(|sign| sign.is_ascii_alphanumeric());
    if first && name.len() <= 128 && name.bytes().all(rest) { Ok(()) } else { Err(Error::Name(name.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_docker_takes() {
        for name in ["web", "Web_1.2-x", "0", &draw_name()] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-web", "a/b", "..", "a b", &"a".repeat(129)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_number_has_64_digits() {
        let id = Id::draw();
        assert_eq!(Id::parse(id.as_ref()), Some(id.clone()));
        assert_ne!(id, Id::draw());
        assert_eq!(Id::parse("names"), None);
    }
}
