//! What a container is to be, as docker's flags say it.

use std::path::PathBuf;

use clap::ValueEnum;

use super::network::NetworkFlags;
use crate::cli::image::parse_bytes;
use crate::container::spec::{self, Mount, MountKind};
use crate::container::storage::Storage;

/// What keeps a container's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Driver {
    /// Layers on top of each other, merged by the kernel
    Overlay,
    /// A full copy
    Vfs,
    /// A snapshot, where the state directory is on btrfs
    Btrfs,
}

impl From<Driver> for Storage {
    fn from(driver: Driver) -> Self {
        match driver {
            Driver::Overlay => Storage::Overlay,
            Driver::Vfs => Storage::Vfs,
            Driver::Btrfs => Storage::Btrfs,
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Flags {
    /// What the container is called
    #[arg(long)]
    pub(super) name: Option<String>,
    /// What its host is called
    #[arg(short = 'h', long, value_parser = parse_hostname)]
    pub(super) hostname: Option<String>,
    /// A variable of its environment; without a value that of ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(super) env: Vec<String>,
    /// A file with such variables, one a line
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
    /// The directory in which the program starts
    #[arg(short, long, value_name = "DIR", value_parser = parse_absolute)]
    pub(super) workdir: Option<String>,
    /// Who it runs as
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(super) user: Option<String>,
    /// A file or directory of the host in the container
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]", value_parser = parse_volume)]
    pub(super) volume: Vec<Mount>,
    /// The same in more words: type=bind,source=DIR,target=DIR,readonly or type=tmpfs,target=DIR
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = parse_mount)]
    pub(super) mount: Vec<Mount>,
    /// A file system in memory
    #[arg(long, value_name = "DIR[:OPTIONS]", value_parser = parse_tmpfs)]
    pub(super) tmpfs: Vec<Mount>,
    /// Make its root file system read-only
    #[arg(long)]
    pub(super) read_only: bool,
    /// The most memory that it may use
    #[arg(short, long, value_name = "BYTES", value_parser = parse_memory)]
    pub(super) memory: Option<u64>,
    /// How many processors it may use, such as 0.5
    #[arg(long, value_name = "NUMBER", value_parser = parse_cpus)]
    pub(super) cpus: Option<u64>,
    /// How many processes it may have; -1 for any number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(super) pids_limit: Option<i64>,
    /// A capability more
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) cap_add: Vec<String>,
    /// A capability less
    #[arg(long, value_name = "CAPABILITY")]
    pub(super) cap_drop: Vec<String>,
    /// seccomp=FILE, a profile in docker's format, seccomp=unconfined, or no-new-privileges, which is always so
    #[arg(long, value_name = "OPTION")]
    pub(super) security_opt: Vec<String>,
    #[command(flatten)]
    pub(super) network: NetworkFlags,
    /// What keeps its files
    #[arg(long, default_value = "overlay")]
    pub(super) storage_driver: Driver,
    /// Begin with a small process that reaps orphans and passes signals on
    #[arg(long)]
    pub(super) init: bool,
    /// Another program than the image's
    #[arg(long, value_name = "PROGRAM")]
    pub(super) entrypoint: Option<String>,
    /// Whatever there is to be said about it
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(super) label: Vec<String>,
    /// What `stop` sends first
    #[arg(long, value_name = "SIGNAL")]
    pub(super) stop_signal: Option<String>,
}

/// The most that the kernel takes.
fn parse_hostname(text: &str) -> Result<String, String> {
    let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || b".-".contains(&sign);
    let valid = (1..=64).contains(&text.len()) && text.bytes().all(is_sign);
    if valid { Ok(text.into()) } else { Err("it has up to 64 letters, digits, '.' and '-'".into()) }
}

fn parse_absolute(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.into()) } else { Err("it has to begin with /".into()) }
}

/// A place in a container, as clean as it can be made without a look at it.
fn target(text: &str) -> Result<PathBuf, String> {
    let path: PathBuf = PathBuf::from(parse_absolute(text)?).components().collect();
    match path.to_str() {
        Some("/") => Err("the root itself is the image".into()),
        Some(text) if text == "/proc" || text.starts_with("/proc/") => {
            Err("/proc is the kernel's, and nothing can be put there".into())
        }
        _ => Ok(path),
    }
}

fn source(text: &str) -> Result<PathBuf, String> {
    if !text.starts_with('/') && !text.starts_with('.') {
        return Err(format!("{text:?} would be a volume with a name: give a path that begins with / or ."));
    }
    std::path::absolute(text).map_err(|error| error.to_string())
}

fn parse_volume(text: &str) -> Result<Mount, String> {
    let (paths, options) = match text.rsplit_once(':') {
        Some((paths, options)) if !options.starts_with('/') => (paths, options),
        _ => (text, ""),
    };
    let (from, to) = paths.split_once(':').ok_or("write it as SOURCE:TARGET")?;
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            // What SELinux and others make of it is not done here.
            "rw" | "z" | "Z" | "rprivate" | "private" => {}
            other => return Err(format!("{other:?} is not known: ro or rw")),
        }
    }
    Ok(Mount { kind: MountKind::Bind(source(from)?), target: target(to)?, read_only })
}

fn parse_tmpfs(text: &str) -> Result<Mount, String> {
    let (place, options) = text.split_once(':').unwrap_or((text, ""));
    Ok(Mount { kind: MountKind::Tmpfs(options.into()), target: target(place)?, read_only: false })
}

fn parse_mount(text: &str) -> Result<Mount, String> {
    let (mut kind, mut from, mut to, mut options, mut read_only) = ("", None, None, vec![], false);
    for part in text.split(',') {
        match part.split_once('=').unwrap_or((part, "")) {
            ("type", value) => kind = value,
            ("source" | "src", value) => from = Some(value),
            ("target" | "destination" | "dst", value) => to = Some(value),
            ("readonly" | "ro", value) => read_only = matches!(value, "" | "true" | "1"),
            ("tmpfs-size", value) => options.push(format!("size={}", parse_bytes(value)?)),
            ("tmpfs-mode", value) => options.push(format!("mode={value}")),
            (other, _) => return Err(format!("{other:?} is not known: type, source, target, readonly")),
        }
    }
    let target = target(to.ok_or("it has no target=")?)?;
    let kind = match kind {
        "bind" => MountKind::Bind(source(from.ok_or("it has no source=")?)?),
        "tmpfs" => MountKind::Tmpfs(options.join(",")),
        other => return Err(format!("{other:?} is not known: type=bind or type=tmpfs")),
    };
    Ok(Mount { kind, target, read_only })
}

/// With less no program starts, docker says.
fn parse_memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 6 << 20;
    let bytes = parse_bytes(text)?;
    if bytes < LEAST { Err("6m is the least".into()) } else { Ok(bytes) }
}

/// Microseconds in each period.
fn parse_cpus(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| "write it like 0.5 or 2".to_string())?;
    // The kernel takes no less.
    if !(0.01..=100_000.0).contains(&number) {
        return Err("0.01 is the least".into());
    }
    Ok((number * spec::CPU_PERIOD as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_written_in_three_parts() {
        let bind = |from: &str, to: &str, read_only| {
            Ok(Mount { kind: MountKind::Bind(from.into()), target: to.into(), read_only })
        };
        assert_eq!(parse_volume("/a:/b"), bind("/a", "/b", false));
        assert_eq!(parse_volume("/a:/b/:ro"), bind("/a", "/b", true));
        assert_eq!(parse_mount("type=bind,src=/a,dst=/b,readonly"), bind("/a", "/b", true));
        for wrong in ["/a", "a:/b", "/a:b", "/a:/", "/a:/proc/1", "/a:/b:fast"] {
            assert!(parse_volume(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_have_a_least() {
        assert_eq!(parse_cpus("0.5"), Ok(50_000));
        assert!(parse_cpus("0").is_err() && parse_cpus("NaN").is_err() && parse_memory("1m").is_err());
    }
}
