//! A host that one test has for itself. What happens on it happens in its network namespace alone.

use glassbox::kernel::link::{self, Link, Mac};
use glassbox::kernel::namespace::{Kind, setns_file, unshare};
use glassbox::kernel::net::{Ipv4Addr, loopback_up};
use glassbox::kernel::nftables;

use crate::common::{Home, Ran, eventually, finish, skip};

/// A host without networks. All that it starts is in its network namespace.
pub(crate) struct Host {
    pub(crate) home: Home,
}

/// Do something on a host of its own; not, with a reason, where this machine lets nobody make one. The namespace is
/// that of a thread and of what it starts, and goes with them.
pub(crate) fn on_a_host(test: &str, work: impl FnOnce(&Host) + Send) {
    let in_namespace = || {
        if let Err(error) = unshare(&[Kind::Net]) {
            return skip(test, error);
        }
        loopback_up().unwrap();
        let host = Host { home: Home::new() };
        work(&host);
        assert_eq!(host.left(), Vec::<String>::new(), "{test}: nothing is left");
    };
    let ended = std::thread::scope(|scope| scope.spawn(in_namespace).join());
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// The same where this machine can have containers.
pub(crate) fn on_a_host_of_containers(test: &str, work: impl FnOnce(&Host) + Send) {
    on_a_host(test, |host| {
        let tried = host.glassbox(&["run", "--rm", "tiny", "true"]);
        match tried.code {
            Some(0) => work(host),
            Some(125) if tried.err.contains("overlay") || tried.err.contains("this is a") => {
                skip(test, tried.err.lines().next().unwrap_or_default());
            }
            _ => panic!("{test}: {tried}"),
        }
        let ids = host.says(&["ps", "-aq"]);
        if !ids.is_empty() {
            host.says(&[&["rm", "-f"], ids.lines().collect::<Vec<_>>().as_slice()].concat());
        }
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

impl Host {
    /// A container that does nothing, with these flags: its process 1.
    pub(crate) fn container(&self, name: &str, flags: &[&str]) -> String {
        let run = [&["run", "-d", "--name", name], flags, &["tiny", "sleep", "1000"]].concat();
        self.says(&run);
        self.of(name, "{{.State.Pid}}")
    }

    /// A field of a container.
    pub(crate) fn of(&self, name: &str, field: &str) -> String {
        self.says(&["inspect", "--format", field, name])
    }

    /// What a container says when a program is run in it.
    pub(crate) fn inside(&self, name: &str, command: &[&str]) -> String {
        self.says(&[&["exec", name], command].concat())
    }

    /// The program under test, to its end.
    pub(crate) fn glassbox(&self, arguments: &[&str]) -> Ran {
        finish(self.home.glassbox([]).args(arguments))
    }

    /// The same, which has to succeed: what it says.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let ran = self.glassbox(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran.out.trim_end().into()
    }

    /// The same, which has to fail, with an error and a hint in a line each.
    pub(crate) fn refuses(&self, arguments: &[&str], why: &str) {
        self.refuses_with(1, arguments, why);
    }

    /// The same with another exit code.
    pub(crate) fn refuses_with(&self, code: i32, arguments: &[&str], why: &str) {
        let ran = self.glassbox(arguments);
        let lines: Vec<&str> = ran.err.lines().collect();
        let [error, hint] = lines.as_slice() else { panic!("{arguments:?}: {ran}") };
        assert!(error.starts_with("error: ") && error.contains(why), "{arguments:?}: {why:?} is said: {ran}");
        assert!(hint.starts_with("hint: ") && ran.out.is_empty(), "{arguments:?}: {ran}");
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran}");
    }

    /// An interface of the host's, with an address: another network of the machine.
    pub(crate) fn has(&self, name: &str, address: Ipv4Addr, prefix: u8) {
        link::add_bridge(name, Mac([2, 0, 0, 0, 0, 1])).unwrap();
        link::add_address(name, address, prefix).unwrap();
        link::set_up(name).unwrap();
    }

    /// The bridges of networks.
    pub(crate) fn bridges(&self) -> Vec<Link> {
        link::links().unwrap().into_iter().filter(|link| link.name.starts_with("gb-")).collect()
    }

    /// Whether packets for others are passed on.
    pub(crate) fn forwards(&self) -> bool {
        // Below /proc/sys/net the kernel shows what belongs to the thread that reads.
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim() == "1"
    }

    /// The interfaces that lead to containers.
    pub(crate) fn cables(&self) -> Vec<String> {
        let links = link::links().unwrap().into_iter().map(|link| link.name);
        links.filter(|name| name.starts_with("gv-")).collect()
    }

    /// All that networks have left: bridges, rules, records, a setting.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self.bridges().into_iter().map(|link| link.name).collect();
        eventually("interfaces go with what is at their other ends", || self.cables().is_empty());
        left.extend(nftables::rules().unwrap().iter().map(|rule| format!("a rule in {}", rule.chain)));
        let records = std::fs::read_dir(self.home.state().join("networks")).into_iter().flatten();
        left.extend(records.map(|entry| entry.unwrap().path().display().to_string()));
        left.extend(self.forwards().then(|| "ip_forward".into()));
        left
    }
}
