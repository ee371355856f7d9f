//! Networks are made, listed, shown and removed.

use glassbox::kernel::link;
use glassbox::kernel::net::Ipv4Addr;
use glassbox::kernel::nftables::{delete_table, rules};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::common::host::Host;
use crate::common::killed::killed;
use crate::common::{GLASSBOX, has_tool, is_root, skip, trial};
use crate::host::{bridges, forwards, has, left, on_a_host};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("network: made, listed, shown and removed", || on_a_host("life", life)),
        trial("network: what cannot be made is said", || on_a_host("refusals", refusals)),
        trial("network: addresses that nobody has", || on_a_host("addresses", addresses)),
        trial("network: several commands at once", || on_a_host("together", together)),
        trial("network: half of it is gone", || on_a_host("half", half)),
        trial("network: a host that forwards already", || on_a_host("forwarding", forwarding)),
        trial("network: killed while it is made", || {
            on_a_host("killed", |host| at_every_step(host, &["network", "create", "web"], false));
        }),
        trial("network: killed while it is removed", || {
            on_a_host("killed", |host| at_every_step(host, &["network", "rm", "web"], true));
        }),
        trial("network: an ordinary user is told", ordinary_user),
    ]
}

pub(crate) fn shown(host: &Host, name: &str) -> Value {
    let shown: Value = serde_json::from_str(&host.says(&["network", "inspect", name])).unwrap();
    shown[0].clone()
}

fn subnet(host: &Host, name: &str) -> String {
    shown(host, name)["IPAM"]["Config"][0]["Subnet"].as_str().unwrap().into()
}

fn life(host: &Host) {
    let id = host.says(&["network", "create", "--subnet", "10.9.0.0/24", "--label", "kind=test", "web"]);
    assert_eq!(id.len(), 64, "{id}");
    let listed = host.says(&["network", "ls"]);
    let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        words[1..],
        [
            ["-", "host", "host", "local"],
            ["-", "none", "null", "local"],
            [&id[..12], "web", "bridge", "local"]
        ]
    );
    assert_eq!(host.says(&["network", "ls", "-q", "--no-trunc"]), id);
    let web = shown(host, &id[..6]);
    assert_eq!(
        (&web["Name"], &web["Driver"], &web["Labels"]["kind"]),
        (&"web".into(), &"bridge".into(), &"test".into())
    );
    let config = &web["IPAM"]["Config"][0];
    assert_eq!((&config["Subnet"], &config["Gateway"]), (&"10.9.0.0/24".into(), &"10.9.0.1".into()));
    assert_eq!(host.says(&["network", "inspect", "--format", "{{.Driver}}", "none", "web"]), "null\nbridge");

    let bridges = bridges();
    assert_eq!(bridges.len(), 1, "{bridges:?}");
    assert!(
        bridges[0].kind == "bridge" && bridges[0].up && bridges[0].name.ends_with(&id[..12]),
        "{bridges:?}"
    );
    let (first, prefix) = (Ipv4Addr::new(10, 9, 0, 0), 24);
    let networks = link::networks().unwrap();
    assert!(networks.iter().any(|reached| (reached.address, reached.prefix) == (first, prefix)));
    let mut chains: Vec<String> = rules().unwrap().into_iter().map(|rule| rule.chain).collect();
    chains.sort();
    assert_eq!(chains, ["forward", "forward", "postrouting", "raw"]);
    assert!(forwards());
    assert_eq!(host.says(&["network", "rm", "web"]), "web");
    host.refuses(&["network", "inspect", "--format", "{{.Id}}", "web"], "network web not found");
}

fn refusals(host: &Host) {
    has("lan0", Ipv4Addr::new(10, 8, 0, 1), 16);
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
    let create = |arguments: &[&str], why: &str| {
        host.refuses(&[&["network", "create"], arguments].concat(), why);
    };
    create(&["web"], "network with name web already exists");
    create(&["--subnet", "10.9.0.0/16", "db"], "pool 10.9.0.0/16 overlaps with the network web");
    create(&["--subnet", "10.8.3.0/24", "db"], "pool 10.8.3.0/24 overlaps with 10.8.0.0/16");
    create(&["--driver", "pigeon", "db"], "no network driver \"pigeon\"");
    create(&["--driver", "host", "db"], "only one instance of \"host\" network is allowed");
    create(&["none"], "operation is not permitted on predefined none network");
    create(&["../web"], "invalid network name: ../web");
    host.refuses(&["network", "rm", "db"], "network db not found");
    host.refuses(&["network", "rm", "host"], "predefined host network");
    let wrong = host.glassbox(&["network", "create", "--subnet", "10.9.1.1/24", "db"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("it should be 10.9.1.0/24"), "{wrong}");
    assert_eq!(bridges().len(), 1);
    // One that refuses does not spare the others.
    assert_eq!(host.glassbox(&["network", "rm", "db", "web"]).code, Some(1));
}

fn addresses(host: &Host) {
    has("lan0", Ipv4Addr::new(172, 18, 0, 200), 25);
    has("lan1", Ipv4Addr::new(172, 18, 2, 1), 23);
    for name in ["a", "b", "c"] {
        host.says(&["network", "create", name]);
    }
    let subnets = ["a", "b", "c"].map(|name| subnet(host, name));
    assert_eq!(subnets, ["172.18.1.0/24", "172.18.4.0/24", "172.18.5.0/24"]);
    host.says(&["network", "rm", "b"]);
    host.says(&["network", "create", "d"]);
    assert_eq!(subnet(host, "d"), "172.18.4.0/24");
    assert!(forwards());
    host.says(&["network", "rm", "a", "c", "d"]);
}

fn together(host: &Host) {
    let all = |commands: Vec<Vec<String>>| {
        let spawn = |arguments: Vec<String>| {
            let mut command = host.home.command(GLASSBOX);
            command.args(arguments).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        let children: Vec<_> = commands.into_iter().map(spawn).collect();
        let codes = children.into_iter().map(|mut child| child.wait().unwrap().code());
        codes.collect::<Vec<_>>()
    };
    let words = |verb: &str, name: String| vec!["network".to_string(), verb.into(), name];
    let codes = all((0..6).map(|number| words("create", format!("n{}", number / 2))).collect());
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 3, "{codes:?}");
    let mut subnets = ["n0", "n1", "n2"].map(|name| subnet(host, name));
    subnets.sort();
    assert_eq!(subnets, ["172.18.0.0/24", "172.18.1.0/24", "172.18.2.0/24"]);
    assert_eq!(bridges().len(), 3);
    let codes = all((0..6).map(|number| words("rm", format!("n{}", number / 2))).collect());
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 3, "{codes:?}");
}

/// As after the machine has been started again, or after somebody else has been at work.
fn half(host: &Host) {
    host.says(&["network", "create", "web"]);
    let bridge = bridges()[0].name.clone();
    link::delete(&bridge).unwrap();
    delete_table(&bridge).unwrap();
    host.says(&["network", "rm", "web"]);
}

fn forwarding(host: &Host) {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    host.says(&["network", "create", "web"]);
    assert!(
        rules().unwrap().iter().filter(|rule| rule.chain == "forward").count() == 1,
        "the host's own business"
    );
    host.says(&["network", "rm", "web"]);
    assert!(forwards(), "it was so before");
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
}

/// Whatever is listed then can be removed, and nothing is left.
pub(crate) fn at_every_step(host: &Host, command: &[&str], before: bool) {
    if !has_tool("strace", "a command that is killed") {
        return;
    }
    let mut kills = 0;
    for step in ["sendto", "?rename,renameat,renameat2", "?unlink,unlinkat", "openat"] {
        for number in 1..=40 {
            if before {
                host.says(&["network", "create", "web"]);
            }
            let was_killed = killed(host, command, step, number, false);
            kills += u32::from(was_killed);
            host.says(&["network", "ls"]);
            let listed = host.says(&["network", "ls", "-q"]);
            if !listed.is_empty() {
                host.says(&["network", "inspect", "web"]);
                host.says(&["network", "rm", "web"]);
            }
            host.glassbox(&["sweep"]);
            assert_eq!(left(host), Vec::<String>::new(), "{command:?} killed at {step} number {number}");
            if !was_killed {
                break;
            }
        }
    }
    assert!(kills > 4, "{command:?} was killed {kills} times");
}

fn ordinary_user() {
    if is_root() {
        return skip("an ordinary user", "these tests run as root");
    }
    let host = Host::bare();
    let macvlan = ["network", "create", "-d", "macvlan", "-o", "parent=lo", "web"];
    host.refuses(&macvlan, "an ordinary user can put nothing on it");
    host.says(&["network", "create", "web"]);
    host.refuses_with(125, &["run", "--net", "db", "tiny", "true"], "network db not found");
    assert_eq!(host.says(&["network", "ls"]).lines().count(), 4);
    host.says(&["network", "rm", "web"]);
    if host.has_containers("an ordinary user's networks") {
        crate::rootless::life(&host);
    }
}
