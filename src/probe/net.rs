//! A network namespace, as a process in it sees it, and as `/proc/PID/net` shows it to others.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{Reading, Result, text, unreadable};

/// Whether an interface of the caller's own namespace is `up` or `down`.
pub fn interface(name: &str) -> Result<Reading> {
    use nix::net::if_::InterfaceFlags;
    let interfaces =
        nix::ifaddrs::getifaddrs().map_err(|errno| unreadable(Path::new("getifaddrs()"), errno))?;
    let flags =
        interfaces.filter(|interface| interface.interface_name == name).map(|found| found.flags).next();
    let flags = flags.ok_or_else(|| unreadable(Path::new("getifaddrs()"), format!("there is no {name}")))?;
    let state = if flags.contains(InterfaceFlags::IFF_UP) { "up" } else { "down" };
    Ok(Reading::new(name, format!("getifaddrs() {name}"), state))
}

/// How many routes lead anywhere from where a process is.
pub fn routes(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/net/route"));
    let count = text(&path)?.lines().skip(1).count(); // the first line names the columns
    Ok(Reading::new(format!("{who} routes"), path.display().to_string(), count.to_string()))
}

/// The IPv4 addresses that are a process's own: what is sent there stays in its namespace.
pub fn local_addresses(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/net/fib_trie"));
    let content = text(&path)?;
    let (mut last, mut found) = ("", vec![]);
    for line in content.lines().map(str::trim) {
        match line.strip_prefix("|-- ") {
            Some(address) => last = address,
            None if line == "/32 host LOCAL" && !found.contains(&last) => found.push(last),
            None => {}
        }
    }
    let text = if found.is_empty() { "(empty)".into() } else { found.join(" ") };
    Ok(Reading::new(format!("{who} addresses"), path.display().to_string(), text))
}

/// The TCP ports on which somebody listens where a process is.
pub fn listening(who: impl Display) -> Result<Reading> {
    const LISTEN: &str = "0A";
    let path = PathBuf::from(format!("/proc/{who}/net/tcp"));
    let content = text(&path)?;
    let port = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        let port = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
        (state == LISTEN).then(|| port.to_string())
    };
    let ports: Vec<String> = content.lines().skip(1).filter_map(port).collect();
    let text = if ports.is_empty() { "(empty)".into() } else { ports.join(" ") };
    Ok(Reading::new(format!("{who} listening ports"), path.display().to_string(), text))
}
