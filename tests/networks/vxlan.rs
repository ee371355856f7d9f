//! A network between two hosts, each with a state directory of its own.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::mpsc::{Receiver, Sender, channel};

use glassbox::kernel::link::{self, End, Mac};
use glassbox::kernel::namespace::{Kind, unshare};
use libtest_mimic::Trial;
use nix::unistd::{Pid, gettid};

use crate::common::host::Host;
use crate::common::trial;
use crate::host::{has, inside, left, on_a_host, on_a_host_of_containers};
use crate::join::{connect, listen};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("vxlan: between two hosts", || on_a_host_of_containers("vxlan", between)),
        trial("vxlan: what cannot be made is said", || on_a_host("vxlan", refusals)),
    ]
}

const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)];
const RANGES: [&str; 2] = ["10.5.0.64/26", "10.5.0.128/26"];

/// The network, on one of the hosts, with a container: its process 1.
fn side(host: &Host, own: usize) -> String {
    link::add_address("lan0", HOSTS[own], 24).unwrap();
    link::set_up("lan0").unwrap();
    let options = [format!("local={}", HOSTS[own]), format!("peer={}", HOSTS[1 - own])];
    let create = ["network", "create", "-d", "vxlan", "-o", "vni=42", "-o", &options[0], "-o", &options[1]];
    host.says(&[&create[..], &["--subnet", "10.5.0.0/24", "--ip-range", RANGES[own], "both"]].concat());
    host.container("a", &["--net", "both"])
}

fn second(tell: &Sender<String>, go_on: &Receiver<()>) {
    unshare(&[Kind::Net]).unwrap();
    tell.send(gettid().to_string()).unwrap();
    go_on.recv().unwrap();
    let host = Host::bare();
    tell.send(side(&host, 1)).unwrap();
    go_on.recv().unwrap();
    host.clear();
    host.says(&["network", "rm", "both"]);
    assert_eq!(left(&host), Vec::<String>::new());
}

fn between(host: &Host) {
    let ((tell, hear), (go, go_on)) = (channel(), channel());
    std::thread::scope(|scope| {
        scope.spawn(move || second(&tell, &go_on));
        let other = Pid::from_raw(hear.recv().unwrap().parse().unwrap());
        let far = End { name: "lan0", mac: Mac([2, 0, 0, 0, 1, 2]), inside: Some(other) };
        link::add_veth("lan0", Mac([2, 0, 0, 0, 1, 1]), &far).unwrap();
        let own = side(host, 0);
        go.send(()).unwrap();
        let there = hear.recv().unwrap();
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 5, 0, 128), 80);
        let server = listen(&there, 80);
        connect(&own, address).unwrap();
        assert_eq!(server.accept().unwrap().1.ip(), Ipv4Addr::new(10, 5, 0, 64));
        let links = inside(&own, || link::links().unwrap());
        assert_eq!(links.iter().find(|link| link.name == "eth0").unwrap().mtu, 1450);
        assert!(links.len() == 2 && link::links().unwrap().iter().any(|link| link.vxlan_id == Some(42)));
        let publish = ["run", "--net", "both", "-p", "80:80", "tiny", "true"];
        host.refuses_with(125, &publish, "ports are not published on a vxlan network");
        go.send(()).unwrap();
    });
    host.clear();
    host.says(&["network", "rm", "both"]);
    assert!(link::links().unwrap().iter().all(|link| link.vxlan_id.is_none()));
}

fn refusals(host: &Host) {
    has("lan0", HOSTS[0], 24);
    let create = |options: &[&str], why: &str| {
        let options = options.iter().flat_map(|option| ["-o", *option]);
        let create = ["network", "create", "-d", "vxlan", "--subnet", "10.5.0.0/24", "both"];
        host.refuses(&create.into_iter().chain(options).collect::<Vec<_>>(), why);
    };
    create(&["local=203.0.113.1", "peer=203.0.113.2"], "a vxlan network needs the option vni");
    create(
        &["vni=many", "local=203.0.113.1", "peer=203.0.113.2"],
        "vni of a vxlan network cannot be \"many\"",
    );
    create(&["vni=42", "local=203.0.113.7", "peer=203.0.113.2"], "203.0.113.7 is no address of this machine");
    let whole = ["-o", "vni=42", "-o", "local=203.0.113.1", "-o", "peer=203.0.113.2"];
    let create = ["network", "create", "-d", "vxlan"];
    host.refuses(&[&create[..], &whole, &["both"]].concat(), "needs a subnet, the same on both machines");
    host.says(&[&create[..], &whole, &["--subnet", "10.5.0.0/24", "both"]].concat());
    let again = [&create[..], &whole, &["--subnet", "10.6.0.0/24", "again"]].concat();
    host.refuses(&again, "has a vxlan with the number 42 already");
    host.says(&["network", "rm", "both"]);
    link::delete("lan0").unwrap();
}
