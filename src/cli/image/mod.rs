//! The commands for images, with docker's words.

pub(super) mod list;
pub(super) mod load;

use std::time::{SystemTime, UNIX_EPOCH};

use unicode_width::UnicodeWidthStr;

use super::Outcome;
use super::problem::{Problem, note, state_directory};
use crate::image::{LeftOut, Store};

/// The images of this user.
fn store() -> Result<Store, Problem> {
    Ok(Store::open(&Store::place(&state_directory()?))?)
}

/// Say what of an archive could not be had.
fn tell(left_out: &LeftOut) {
    let files = |count: u64| if count == 1 { "1 file".into() } else { format!("{count} files") };
    if left_out.owners > 0 {
        let files = files(left_out.owners);
        note(&format!(
            "{files} of other users belong to root now: /etc/subuid and /etc/subgid grant this user no more numbers"
        ));
    }
    if left_out.devices > 0 {
        note(&format!("left out: {} of devices, which only root can make", files(left_out.devices)));
    }
    if left_out.attributes > 0 {
        note(&format!("left out: attributes of {} that mean nothing here", files(left_out.attributes)));
    }
}

/// A table as docker prints it: three blanks between columns.
fn columns<const N: usize>(rows: &[[String; N]], is_shown: impl Fn(usize) -> bool) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0) + 3;
    let line = |row: &[String; N]| {
        let shown = row.iter().enumerate().filter(|(column, _)| is_shown(*column));
        let pad =
            |(column, text): (usize, &String)| format!("{text}{}", " ".repeat(width(column) - text.width()));
        shown.map(pad).collect::<String>().trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// Bytes as docker writes them: in powers of 1000, three digits and a unit.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        value if unit == 0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{}", UNITS[unit])
}

/// A number of bytes as people write it: `500m`, `64g`.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let lower = text.to_lowercase();
    let digits = lower.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let shift = match lower[digits.len()..].trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("write it like 500m or 64g".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "write it like 500m or 64g".to_string())?;
    number.checked_mul(1 << shift).ok_or_else(|| "so many bytes there are not".into())
}

/// How long ago a time is that is written as RFC 3339 has it.
fn ago(created: Option<&str>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match created.and_then(seconds) {
        // Some tools write the beginning of the epoch, or of the calendar, for a time that they do not tell.
        Some(then) if then > 0 && then <= now as i64 => format!("{} ago", span(now - then as u64)),
        Some(then) if then > 0 => "in the future".into(),
        _ => "N/A".into(),
    }
}

/// A span of time in docker's words.
fn span(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".into(),
        (1, ..) => "1 second".into(),
        (..=59, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".into(),
        (_, ..=59, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".into(),
        (_, _, ..=47) => format!("{hours} hours"),
        (_, _, ..=335) => format!("{} days", hours / 24),
        (_, _, ..=1439) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..=17519) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// The seconds since 1970 of `2026-01-02T03:04:05.678Z`.
fn seconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    let zone = text.get(19..)?.trim_start_matches('.').trim_start_matches(|sign: char| sign.is_ascii_digit());
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), rest) => {
            let (hours, minutes) = rest.split_once(':')?;
            let minutes = 60 * hours.parse::<i64>().ok()? + minutes.parse::<i64>().ok()?;
            if sign == "-" { -60 * minutes } else { 60 * minutes }
        }
        _ => return None,
    };
    Some((days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - offset)
}

/// The days from 1970 to a day, by the Gregorian calendar: years begin with March, so that leap days end them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let cases = [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_500_000, "1.5MB"), (77_800_000, "77.8MB")];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(parse_bytes("64M"), Ok(64 << 20));
        assert_eq!(parse_bytes("1gib"), Ok(1 << 30));
        assert!(parse_bytes("much").is_err() && parse_bytes("99999999t").is_err());
    }

    #[test]
    fn times_are_those_of_date() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2024-02-29T12:00:00.5+02:00"), Some(1_709_200_800));
        assert_eq!(seconds("0001-01-01T00:00:00Z"), Some(-62_135_596_800));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(span(3 * 24 * 3600), "3 days");
    }
}
