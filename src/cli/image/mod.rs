//! The commands for images, with docker's words.

pub(super) mod build;
pub(super) mod history;
pub(super) mod import;
pub(super) mod inspect;
pub(super) mod list;
pub(super) mod load;
pub(super) mod remove;
pub(super) mod save;
pub(super) mod time;

use clap::Subcommand;
use unicode_width::UnicodeWidthStr;

use super::Outcome;
use super::problem::{Problem, note, state_directory};
use crate::container::{Container, Records};
use crate::image::store::InUse;
use crate::image::{self, LeftOut, Store};

pub(super) use import::changed;
use time::{ago, rfc3339};

/// The same commands as docker has them below `image`.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Build an image of a Dockerfile
    #[command(after_help = build::EXAMPLES)]
    Build(build::Args),
    /// All that is known of images, as JSON
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// List images
    #[command(alias = "list", after_help = list::EXAMPLES)]
    Ls(list::Args),
    /// Show what an image came from
    #[command(after_help = history::EXAMPLES)]
    History(history::Args),
    /// Make an image of a root file system
    #[command(after_help = import::EXAMPLES)]
    Import(import::Args),
    /// Take images in that other tools have made
    #[command(after_help = load::EXAMPLES)]
    Load(load::Args),
    /// Write images into an archive for other engines
    #[command(after_help = save::EXAMPLES)]
    Save(save::Args),
    /// Give an image another name
    #[command(after_help = remove::TAG_EXAMPLES)]
    Tag(remove::TagArgs),
    /// Remove images
    #[command(alias = "remove", after_help = remove::RMI_EXAMPLES)]
    Rm(remove::RmiArgs),
    /// Remove images that nothing needs
    #[command(after_help = remove::PRUNE_EXAMPLES)]
    Prune(remove::PruneArgs),
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Build(args) => build::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Ls(args) => list::run(args),
        Command::History(args) => history::run(args),
        Command::Import(args) => import::run(args),
        Command::Load(args) => load::run(args),
        Command::Save(args) => save::run(args),
        Command::Tag(args) => remove::tag(args),
        Command::Rm(args) => remove::rmi(args),
        Command::Prune(args) => remove::prune(args),
    }
}

/// The images of this user.
pub(super) fn store() -> Result<Store, Problem> {
    Ok(Store::open(&Store::place(&state_directory()?))?)
}

/// The containers that need images.
fn in_use() -> image::Result<Vec<InUse>> {
    let Some(state) = crate::state::directory() else { return Ok(vec![]) };
    let containers = Records::open(&state).all().map_err(|error| image::Error::Told(error.explained()))?;
    let needs =
        |container: Container| InUse { image: container.created.image_id, container: container.created.name };
    Ok(containers.into_iter().map(needs).collect())
}

/// What others have written, without codes that steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
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
pub(super) fn columns<const N: usize>(rows: &[[String; N]], is_shown: impl Fn(usize) -> bool) -> Vec<String> {
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
pub(super) fn bytes(count: u64) -> String {
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
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
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
}
