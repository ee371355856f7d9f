//! Times: as images have them, and in docker's words.

use std::time::{SystemTime, UNIX_EPOCH};

/// How long ago a time is that is written as RFC 3339 has it.
pub(in crate::cli) fn ago(created: Option<&str>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match created.and_then(seconds) {
        // Some tools write the beginning of the epoch, or of the calendar, for a time that they do not tell.
        Some(then) if then > 0 && then <= now as i64 => format!("{} ago", span(now - then as u64)),
        Some(then) if then > 0 => "in the future".into(),
        _ => "N/A".into(),
    }
}

/// A span of time in docker's words.
pub(in crate::cli) fn span(seconds: u64) -> String {
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

/// A time as images have it.
pub(in crate::cli) fn rfc3339(seconds: u64) -> String {
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let length =
        |year: u64| if days(year as i64 + 1, 1, 1) - days(year as i64, 1, 1) == 366 { 366 } else { 365 };
    let mut year = 1970;
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let first = |month: i64| days(year as i64, month, 1) - days(year as i64, 1, 1);
    let month = (1..=12).rev().find(|month| first(*month) <= day as i64).unwrap_or(1);
    let day = day as i64 - first(month) + 1;
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_date() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2024-02-29T12:00:00.5+02:00"), Some(1_709_200_800));
        assert_eq!(seconds("0001-01-01T00:00:00Z"), Some(-62_135_596_800));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(span(3 * 24 * 3600), "3 days");
    }

    #[test]
    fn there_and_back() {
        for time in [0, 951_782_400, 1_709_164_800, 1_735_689_599, 4_102_444_800] {
            assert_eq!(super::seconds(&rfc3339(time)), Some(time as i64));
        }
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
    }
}
