//! A host that one test has for itself. What happens on it happens in its network namespace alone.

use std::process::Command;

use glassbox::kernel::link::{self, Link, Mac};
use glassbox::kernel::namespace::{Kind, setns_file, unshare};
use glassbox::kernel::net::{Ipv4Addr, loopback_up};
use glassbox::kernel::nftables;

use crate::common::host::Host;
use crate::common::{eventually, finish, has_tool, skip};

/// Do something on a host of its own; not, with a reason, where this machine lets nobody make one. The namespace is
/// that of a thread and of what it starts, and goes with them.
pub(crate) fn on_a_host(test: &str, work: impl FnOnce(&Host) + Send) {
    let in_namespace = || {
        if let Err(error) = unshare(&[Kind::Net]) {
            return skip(test, error);
        }
        loopback_up().unwrap();
        let host = Host::bare();
        work(&host);
        assert_eq!(left(&host), Vec::<String>::new(), "{test}: nothing is left");
    };
    let ended = std::thread::scope(|scope| scope.spawn(in_namespace).join());
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// The same where this machine can have containers.
pub(crate) fn on_a_host_of_containers(test: &str, work: impl FnOnce(&Host) + Send) {
    on_a_host(test, |host| {
        if !host.has_containers(test) {
            return;
        }
        work(host);
        host.clear();
        for network in host.says(&["network", "ls", "-q"]).lines() {
            host.says(&["network", "rm", network]);
        }
    });
}

/// Do something where a container is, on its network.
pub(crate) fn inside<T: Send>(pid: &str, work: impl FnOnce() -> T + Send) -> T {
    let in_namespace = || {
        setns_file(format!("/proc/{pid}/ns/net"), Kind::Net).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(in_namespace).join()).unwrap()
}

/// An interface of the host's, with an address: another network of the machine.
pub(crate) fn has(name: &str, address: Ipv4Addr, prefix: u8) {
    link::add_bridge(name, Mac([2, 0, 0, 0, 0, 1])).unwrap();
    link::add_address(name, address, prefix).unwrap();
    link::set_up(name).unwrap();
}

/// The bridges of networks.
pub(crate) fn bridges() -> Vec<Link> {
    link::links().unwrap().into_iter().filter(|link| link.name.starts_with("gb-")).collect()
}

/// What the packet filter knows of published ports, as nft shows it, if that is there.
pub(crate) fn redirections() -> Option<Vec<String>> {
    if !has_tool("nft", "what the packet filter knows") {
        return None;
    }
    let ruleset = finish(Command::new("nft").args(["list", "ruleset"])).out;
    let elements = ruleset.split("elements = { ").skip(1).filter_map(|rest| rest.split(" }").next());
    let elements = elements.flat_map(|elements| elements.split(','));
    let mut elements: Vec<String> = elements.map(|element| element.trim().into()).collect();
    elements.sort();
    Some(elements)
}

/// Whether packets for others are passed on.
pub(crate) fn forwards() -> bool {
    // Below /proc/sys/net the kernel shows what belongs to the thread that reads.
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim() == "1"
}

/// The interfaces that lead to containers.
pub(crate) fn cables() -> Vec<String> {
    let links = link::links().unwrap().into_iter().map(|link| link.name);
    links.filter(|name| name.starts_with("gv-")).collect()
}

/// All that networks have left: bridges, rules, records, a setting.
pub(crate) fn left(host: &Host) -> Vec<String> {
    let mut left: Vec<String> = bridges().into_iter().map(|link| link.name).collect();
    eventually("interfaces go with what is at their other ends", || cables().is_empty());
    left.extend(nftables::rules().unwrap().iter().map(|rule| format!("a rule in {}", rule.chain)));
    let records = std::fs::read_dir(host.home.state().join("networks")).into_iter().flatten();
    left.extend(records.map(|entry| entry.unwrap().path().display().to_string()));
    left.extend(forwards().then(|| "ip_forward".into()));
    left
}
