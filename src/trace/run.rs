//! The name of a run.

use std::fmt;

/// The name of a run, in every name that it gives to something on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// A new one, of four signs that are easy to tell apart.
    pub fn draw() -> Self {
        const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
        let mut number = crate::machine::random();
        let mut name = String::new();
        for _ in 0..4 {
            name.push(SIGNS[(number % SIGNS.len() as u64) as usize] as char);
            number /= SIGNS.len() as u64;
        }
        Self(name)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RunId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
