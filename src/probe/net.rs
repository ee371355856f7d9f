//! A network namespace, as a process in it sees it, and as `/proc/PID/net` shows it to others.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{Reading, Result, Unreadable, text, unreadable, until};
use crate::kernel::link::{Link, learned, links};
use crate::kernel::nftables::{Rule, rules};
use crate::kernel::{self, Errno};

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

/// The interfaces of the caller's own namespace, with all that the kernel tells of each.
pub fn all_links() -> Result<Vec<Link>> {
    links().map_err(|error| Unreadable {
        errno: Some(error.errno),
        ..unreadable(Path::new("RTM_GETLINK"), error.errno)
    })
}

/// An interface of the caller's own namespace.
pub fn link(name: &str) -> Result<Link> {
    let found = all_links()?.into_iter().find(|link| link.name == name);
    found.ok_or_else(|| unreadable(Path::new("RTM_GETLINK"), format!("there is no {name}")))
}

/// Whether frames pass an interface of the caller's own namespace: `up`, or `no carrier`. A cable that was just
/// plugged in takes the kernel a moment, in which it loses what is sent.
pub fn carrier(name: &str) -> Result<Reading> {
    let state = || {
        let state = if link(name)?.operational { "up" } else { "no carrier" };
        Ok(Reading::new(name, format!("RTM_GETLINK {name}"), state))
    };
    until(state, |state| state.text == "up")
}

/// How many packets an interface has received and sent, where a process is.
pub fn packets(who: impl Display, name: &str) -> Result<[Reading; 2]> {
    let path = PathBuf::from(format!("/proc/{who}/net/dev"));
    let content = text(&path)?;
    let line = content.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    let numbers: Vec<&str> =
        line.ok_or_else(|| unreadable(&path, format!("it has no {name}")))?.split_whitespace().collect();
    // Eight columns of what was received, the second of which are packets; then eight of what was sent.
    let reading = |what: &str, column: usize| {
        let number = numbers.get(column).copied().unwrap_or_default();
        Reading::new(format!("{name} {what}"), path.display().to_string(), number)
    };
    Ok([reading("received", 1), reading("sent", 9)])
}

/// The hardware addresses that go with IP addresses, as a process's namespace has found them out.
pub fn neighbours(who: impl Display) -> Result<Reading> {
    let path = PathBuf::from(format!("/proc/{who}/net/arp"));
    let content = text(&path)?;
    let entry = |line: &str| {
        let mut fields = line.split_whitespace();
        let (ip, mac) = (fields.next()?, fields.nth(2)?);
        (mac != "00:00:00:00:00:00").then(|| format!("{ip} {mac}"))
    };
    let mut entries: Vec<String> = content.lines().skip(1).filter_map(entry).collect();
    entries.sort();
    let text = if entries.is_empty() { "(empty)".into() } else { entries.join(", ") };
    Ok(Reading::new(format!("{who} neighbours"), path.display().to_string(), text))
}

/// The forwarding table of a bridge in the caller's own namespace: each address that it has learned, and the port.
pub fn forwarding(bridge: &str) -> Result<Reading> {
    let of = |error: kernel::Error| unreadable(Path::new("RTM_GETNEIGH"), error.errno);
    let ports = all_links()?;
    let found = ports.iter().find(|link| link.name == bridge);
    let index = found.map(|link| link.index).ok_or_else(|| unreadable(Path::new("RTM_GETLINK"), bridge))?;
    let name = |port| ports.iter().find(|link| link.index == port).map_or("?", |link| &link.name);
    let mut entries: Vec<String> = learned(index)
        .map_err(of)?
        .iter()
        .map(|entry| format!("{} {}", entry.mac, name(entry.port)))
        .collect();
    entries.sort();
    let text = if entries.is_empty() { "(empty)".into() } else { entries.join(", ") };
    Ok(Reading::new(format!("{bridge} forwarding"), format!("RTM_GETNEIGH {bridge}"), text))
}

/// The address that the caller's hosts file gives to a name.
/// <https://man7.org/linux/man-pages/man5/hosts.5.html>
pub fn in_hosts_file(name: &str) -> Result<Reading> {
    const FILE: &str = "/etc/hosts";
    let content = match text(Path::new(FILE)) {
        Err(missing) if missing.errno == Some(Errno::ENOENT) => String::new(),
        content => content?,
    };
    let entry = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?;
        words.any(|word| word == name).then(|| address.to_string())
    };
    let found = content.lines().find_map(entry);
    Ok(Reading::new(name, FILE, found.unwrap_or_else(|| "(no such name)".into())))
}

/// Whether a port of a bridge passes frames on: `forwarding`, or `disabled`. It does so a moment after there is
/// somebody at the other end.
pub fn port_state(port: &str) -> Result<Reading> {
    let state = || {
        let state = if link(port)?.forwards { "forwarding" } else { "disabled" };
        Ok(Reading::new(port, format!("RTM_GETLINK {port}"), state))
    };
    until(state, |state| state.text == "forwarding")
}

/// The bridge that an interface of the caller's own namespace is a port of.
pub fn bridge_of(port: &str) -> Result<Reading> {
    let all = all_links()?;
    let master = all.iter().find(|link| link.name == port).and_then(|link| link.master);
    let bridge = master.and_then(|index| all.iter().find(|link| link.index == index));
    let text = bridge.map_or("(none)", |link| &link.name);
    Ok(Reading::new(port, format!("RTM_GETLINK {port}"), text))
}

/// The rules of the packet filter in the caller's own namespace: a chain, and the steps of each rule in it.
pub fn filter_rules() -> Result<Reading> {
    let rules = rules().map_err(|error| unreadable(Path::new("NFT_MSG_GETRULE"), error.errno))?;
    let shown = |rule: &Rule| format!("{}: {}", rule.chain, rule.steps.join(" "));
    let text = rules.iter().map(shown).collect::<Vec<_>>().join("; ");
    let text = if text.is_empty() { "(empty)".into() } else { text };
    Ok(Reading::new("rules", "NFT_MSG_GETRULE", text))
}
