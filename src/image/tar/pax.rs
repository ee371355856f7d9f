//! The records of a pax header: `LENGTH KEY=VALUE`, each ended by a new line.

use super::Entry;
use crate::image::error::{Error, Result};

/// The attributes of a file are records of this name and theirs.
pub(super) const ATTRIBUTE: &str = "SCHILY.xattr.";

/// All records of a header, in order; a later one of the same key counts.
#[derive(Debug, Default)]
pub(super) struct Pax(Vec<Record>);

/// A key and its value.
type Record = (String, Vec<u8>);

impl Pax {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut records = vec![];
        // Some writers fill the last block up.
        while bytes.first().is_some_and(|byte| *byte != 0) {
            let (record, rest) = record(bytes).ok_or_else(fault)?;
            records.push(record);
            bytes = rest;
        }
        Ok(Self(records))
    }

    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.0.iter().rev().find(|(name, value)| name == key && !value.is_empty());
        found.map(|(_, value)| value.as_slice())
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>> {
        self.get(key).map(decimal).transpose()
    }

    /// Put what it says into the place of what the header says.
    pub(super) fn apply(&self, entry: &mut Entry) -> Result<()> {
        if let Some(path) = self.get("path") {
            entry.path = path.into();
        }
        if let Some(link) = self.get("linkpath") {
            entry.link = link.into();
        }
        if let Some(uid) = self.number("uid")? {
            entry.uid = uid;
        }
        if let Some(gid) = self.number("gid")? {
            entry.gid = gid;
        }
        if let Some(changed) = self.get("mtime") {
            entry.changed = time(changed).ok_or_else(fault)?;
        }
        for (key, value) in &self.0 {
            if let Some(name) = key.strip_prefix(ATTRIBUTE) {
                entry.attributes.retain(|(other, _)| other != name);
                entry.attributes.push((name.into(), value.clone()));
            }
        }
        Ok(())
    }
}

fn record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank]).ok()?).ok()?;
    let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let key = String::from_utf8(record[..equals].to_vec()).ok()?;
    Some(((key, record[equals + 1..].to_vec()), &bytes[length..]))
}

/// A number in decimal digits.
pub(super) fn decimal(text: &[u8]) -> Result<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok()).ok_or_else(fault)
}

/// Seconds with a fraction; before 1970 they are negative.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = seconds.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if seconds.starts_with('-') && nanoseconds > 0 {
        return Some((whole.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((whole, nanoseconds))
}

fn fault() -> Error {
    Error::Damaged("an extended header in it is damaged".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_they_say() -> Result<()> {
        let pax = Pax::parse(b"12 path=a=b\n19 SCHILY.xattr.x=\n\0\0")?;
        assert_eq!(pax.get("path"), Some(&b"a=b"[..]));
        for bad in [&b"99 path=a\n"[..], b"3 a", b"x path=a\n", b"0 =", b"18446744073709551615 a=b\n"] {
            assert!(Pax::parse(bad).is_err(), "{bad:?}");
        }
        Ok(())
    }

    #[test]
    fn times_have_fractions() {
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"12"), Some((12, 0)));
        assert_eq!(time(b"now"), None);
    }
}
