//! Containers on the segment of an interface.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use glassbox::kernel::link::{self, End, Mac};
use libtest_mimic::Trial;
use serde_json::json;

use crate::common::host::Host;
use crate::common::trial;
use crate::create::{at_every_step, shown};
use crate::host::{bridges, has, inside, on_a_host, on_a_host_of_containers};
use crate::join::{Outside, connect, listen};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("macvlan: on the segment", || on_a_host_of_containers("macvlan", segment)),
        trial("macvlan: what cannot be made is said", || on_a_host("macvlan", refusals)),
        trial("macvlan: what cannot be joined is said", || on_a_host_of_containers("macvlan", parent_gone)),
        trial("macvlan: killed while it is made", || {
            on_a_host("killed", |host| {
                has("lan0", Ipv4Addr::new(203, 0, 113, 1), 24);
                at_every_step(
                    host,
                    &["network", "create", "-d", "macvlan", "-o", "parent=lan0", "web"],
                    false,
                );
                link::delete("lan0").unwrap();
            });
        }),
    ]
}

const CREATE: [&str; 7] = ["network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet"];

fn segment(host: &Host) {
    let outside = Outside::beside(host);
    host.says(
        &[
            &CREATE[..],
            &["203.0.113.0/24", "--gateway", "203.0.113.9", "--ip-range", "203.0.113.64/30", "lan"],
        ]
        .concat(),
    );
    assert!(bridges().is_empty());
    let listed = host.says(&["network", "ls"]);
    assert!(listed.lines().any(|line| line.split_whitespace().nth(2) == Some("macvlan")), "{listed}");
    let lan = shown(host, "lan");
    assert_eq!((&lan["Driver"], &lan["Options"]), (&"macvlan".into(), &json!({ "parent": "lan0" })));
    let config =
        json!({ "Subnet": "203.0.113.0/24", "Gateway": "203.0.113.9", "IPRange": "203.0.113.64/30" });
    assert_eq!(lan["IPAM"]["Config"][0], config);

    let [a, b] = ["a", "b"].map(|name| host.container(name, &["--net", "lan"]));
    let address = |name: &str| -> Ipv4Addr {
        host.of(name, "{{.NetworkSettings.Networks.lan.IPAddress}}").parse().unwrap()
    };
    assert_eq!(["a", "b"].map(address), [64, 65].map(|last| Ipv4Addr::new(203, 0, 113, last)));
    let links = inside(&a, || link::links().unwrap());
    let eth0 = links.iter().find(|link| link.name == "eth0").unwrap();
    assert!(eth0.kind == "macvlan" && eth0.up && links.len() == 2, "{links:?}");
    let mac = host.of("a", "{{.NetworkSettings.Networks.lan.MacAddress}}");
    assert_eq!(eth0.mac.unwrap().to_string(), mac);
    assert!(host.inside("b", &["cat", "/etc/hosts"]).contains("203.0.113.64\ta "));

    let place = |address| SocketAddrV4::new(address, 80);
    let servers = [&a, &outside.pid].map(|pid| listen(pid, 80));
    for (who, from, server, to) in [
        ("a neighbour", &b, &servers[0], "a"),
        ("somebody outside", &outside.pid, &servers[0], "a"),
        ("a container", &b, &servers[1], "outside"),
    ] {
        let to = if to == "a" { address("a") } else { outside.address };
        connect(from, place(to)).unwrap_or_else(|error| panic!("{who}: {error}"));
        let (_, seen) = server.accept().unwrap();
        let own = if who == "somebody outside" { outside.address } else { address("b") };
        assert_eq!(seen.ip(), own, "{who} is seen as who it is");
    }
    TcpStream::connect_timeout(&place(address("a")).into(), Duration::from_millis(500))
        .expect_err("the host does not reach what is on its own interface");

    let run = |flags: &[&str], why: &str| {
        host.refuses_with(125, &[&["run", "--net", "lan"], flags, &["tiny", "true"]].concat(), why);
    };
    run(&["-p", "8080:80"], "ports are not published on a macvlan network");
    run(&["--ip", "203.0.113.9"], "the address 203.0.113.9 is already in use");
    run(&["--ip", "203.0.113.1"], "the address 203.0.113.1 is already in use");
    run(&["--ip", "203.0.114.1"], "no configured subnet contains");
    for name in ["c", "d"] {
        host.container(name, &["--net", "lan"]);
    }
    run(&[], "no available IPv4 addresses on the network lan, 203.0.113.64/30");
    host.container("e", &["--net", "lan", "--ip", "203.0.113.70"]);
    host.refuses(&["network", "rm", "lan"], "network lan has active endpoints");
    drop(servers);
    link::delete("lan0").unwrap();
}

fn refusals(host: &Host) {
    has("lan0", Ipv4Addr::new(203, 0, 113, 1), 24);
    has("lan1", Ipv4Addr::new(10, 8, 0, 1), 16);
    let far = End { name: "far", mac: Mac([2, 0, 0, 0, 0, 9]), inside: None };
    link::add_veth("port", Mac([2, 0, 0, 0, 0, 8]), &far).unwrap();
    let create = |parent: &str, more: &[&str], why: &str| {
        let parent = format!("parent={parent}");
        let create = ["network", "create", "-d", "macvlan", "-o", &parent];
        host.refuses(&[&create[..], more, &["lan"]].concat(), why);
    };
    host.refuses(&["network", "create", "-d", "macvlan", "lan"], "needs an interface of this machine");
    host.refuses(&["network", "create", "-o", "parent=lan0", "lan"], "bridge has no option \"parent\"");
    create("lan7", &[], "this machine has no interface \"lan7\"");
    create("port", &[], "the interface port is down");
    link::set_up("port").unwrap();
    link::set_master("port", "lan0").unwrap();
    create("port", &[], "the interface port is in use");
    create("lo", &[], "the interface lo takes no children");
    create("lan0", &["-o", "mode=loud"], "macvlan has no option \"mode\"");
    create("lan0", &["--subnet", "10.8.1.0/24"], "pool 10.8.1.0/24 overlaps with 10.8.0.0/16");
    let range = ["--subnet", "203.0.113.0/24", "--ip-range", "203.0.112.0/24"];
    create("lan0", &range, "the range 203.0.112.0/24 is not in the subnet 203.0.113.0/24");
    let gateway = ["--subnet", "203.0.113.0/24", "--gateway", "203.0.112.1"];
    create("lan0", &gateway, "no configured subnet contains the gateway 203.0.112.1");
    let wrong = host.glassbox(&["network", "create", "-o", "parent", "lan"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("write it as NAME=VALUE"), "{wrong}");
    ["lan0", "lan1", "port"].iter().for_each(|link| link::delete(link).unwrap());
}

/// It was there when the network was made.
fn parent_gone(host: &Host) {
    has("lan0", Ipv4Addr::new(203, 0, 113, 1), 24);
    host.says(&[&CREATE[..], &["203.0.113.0/24", "lan"]].concat());
    host.container("a", &["--net", "lan"]);
    link::delete("lan0").unwrap();
    let run = ["run", "--net", "lan", "tiny", "true"];
    host.refuses_with(125, &run, "this machine has no interface \"lan0\"");
    host.says(&["rm", "-f", "a"]);
    host.says(&["network", "rm", "lan"]);
}
