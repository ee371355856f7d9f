//! Networks of an ordinary user, whom root plays on a host of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream, UdpSocket};

use glassbox::kernel::link;
use glassbox::kernel::mount::{bind, make_private};
use glassbox::kernel::namespace::{Kind, unshare};
use glassbox::kernel::net::loopback_up;
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::host::Host;
use crate::common::killed::killed;
use crate::common::{eventually, has_tool, is_root, processes, skip, trial};
use crate::host::{inside, redirections};
use crate::join::{Outside, cannot_connect, connect, kill_supervisor, listen};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("rootless: containers reach each other", || as_ordinary_user("rootless networks", both)),
        trial("rootless: published ports", || as_ordinary_user("published ports", published)),
        trial("rootless: ports that cannot be had", || as_ordinary_user("refused ports", refused)),
        trial("rootless: the way out", || as_ordinary_user("the way out", way_out)),
        trial("rootless: no way out is said", || as_ordinary_user("no way out", no_way_out)),
        trial("rootless: a keeper that was killed", || as_ordinary_user("a killed keeper", keeper_killed)),
        trial("rootless: killed while it starts", || as_ordinary_user("killed", at_every_step)),
    ]
}

/// On a host whose devices and mounts are this test's, too.
fn as_ordinary_user(test: &str, work: impl FnOnce(&Host) + Send) {
    let in_namespaces = || {
        if !is_root() {
            return skip(test, "it takes root to play somebody else");
        }
        if let Err(error) = unshare(&[Kind::Net, Kind::Mnt]) {
            return skip(test, error);
        }
        make_private("/").unwrap();
        loopback_up().unwrap();
        let host = Host::of_ordinary_user();
        if host.has_containers(test) {
            work(&host);
        }
    };
    let ended = std::thread::scope(|scope| scope.spawn(in_namespaces).join());
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Wait until nothing is there any more of an ordinary user's networks.
fn nothing_left(host: &Host) {
    let home = format!("XDG_STATE_HOME={}", host.home.path().display());
    eventually("the keeper ends", || processes::with_environment(&home).is_empty());
    let left = std::fs::read_dir(host.home.state().join("networks")).into_iter().flatten();
    let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn address(host: &Host, container: &str) -> Ipv4Addr {
    host.of(container, "{{.NetworkSettings.Networks.web.IPAddress}}").parse().unwrap()
}

/// What an ordinary user himself can see of it.
pub(crate) fn life(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
    host.container("a", &["--net", "web", "-p", "127.0.0.1::80"]);
    host.container("b", &["--net", "web", "--network-alias", "db"]);
    let port = host.says(&["ps", "-f", "name=a", "--format", "{{.Ports}}"]);
    let (place, leads_to) = port.split_once("->").unwrap();
    assert_eq!(leads_to, "80/tcp");
    // Nobody listens inside: the connection ends as soon as that is known.
    let mut client = TcpStream::connect(place).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(["a", "b"].map(|name| address(host, name).to_string()), ["10.9.0.2", "10.9.0.3"]);
    assert!(host.inside("a", &["cat", "/etc/hosts"]).contains("10.9.0.3\tb db "));
    assert_eq!(host.inside("a", &["ls", "/sys/class/net"]), "eth0\nlo");
    assert!(link::links().unwrap().iter().all(|link| !link.name.starts_with("gb-")), "not on the host");
    host.refuses(&["network", "rm", "web"], "network web has active endpoints: a (");
    host.says(&["rm", "-f", "a", "b"]);
    TcpListener::bind(place).expect("the port is free again");
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

fn both(host: &Host) {
    life(host);
    for name in ["web", "db"] {
        host.says(&["network", "create", name]);
    }
    let [a, b] = ["a", "b"].map(|name| host.container(name, &["--net", "web"]));
    let c = host.container("c", &["--net", "db"]);
    let place = SocketAddrV4::new(address(host, "b"), 80);
    let server = listen(&b, 80);
    connect(&a, place).unwrap();
    assert_eq!(server.accept().unwrap().1.ip(), address(host, "a"));
    cannot_connect(&c, place, "another network does not reach it");
    kill_supervisor(&c);
    host.clear();
    host.says(&["network", "rm", "web", "db"]);
    nothing_left(host);
}

fn published(host: &Host) {
    let outside = Outside::beside(host);
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
    let ports = ["--net", "web", "-p", "8080:80", "-p", "127.0.0.1::81", "-p", "5300:53/udp"];
    let served = host.container("served", &ports);
    let neighbour = host.container("neighbour", &["--net", "web"]);
    let server = listen(&served, 80);
    let place = |address| SocketAddrV4::new(address, 8080);
    let reach = |who: &str, client: std::io::Result<TcpStream>| {
        let client = client.unwrap_or_else(|error| panic!("{who}: {error}"));
        echo(who, client, server.accept().unwrap().0);
    };
    reach("loopback", TcpStream::connect(place(Ipv4Addr::LOCALHOST)));
    reach("outside", connect(&outside.pid, place(outside.hosts)));
    reach("a neighbour", connect(&neighbour, place(Ipv4Addr::new(10, 9, 0, 1))));
    let field = host.of("served", "{{json .NetworkSettings.Ports}}");
    let field: serde_json::Value = serde_json::from_str(&field).unwrap();
    let drawn: u16 = field["81/tcp"][0]["HostPort"].as_str().unwrap().parse().unwrap();
    let other = listen(&served, 81);
    TcpStream::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, drawn)).unwrap();
    other.accept().unwrap();
    cannot_connect(&outside.pid, SocketAddrV4::new(outside.hosts, drawn), "it is on another address");

    let server = inside(&served, || UdpSocket::bind("0.0.0.0:53").unwrap());
    let clients = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let mut piece = [0; 64];
    for (number, client) in clients.iter().enumerate() {
        client.send_to(&[number as u8], "127.0.0.1:5300").unwrap();
        let (length, from) = server.recv_from(&mut piece).unwrap();
        server.send_to(&piece[..length], from).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        let (length, from) = client.recv_from(&mut piece).unwrap();
        let answer = (&piece[..length], from.to_string());
        assert_eq!(answer, (&[number as u8][..], "127.0.0.1:5300".into()), "each gets his own answer");
    }

    // In front of it, and many.
    host.refuses_with(125, &["run", "--net", "web", "-p", "8080:80", "tiny", "true"], "already in use");
    host.says(&["rm", "-f", "served"]);
    TcpListener::bind(place(Ipv4Addr::UNSPECIFIED)).expect("it is free again at once");
    let run = ["run", "-d", "--replicas", "2", "--net", "web", "-p", "80", "tiny", "sleep", "1000"];
    let ids = host.says(&run);
    let ports = ids.lines().map(|id| host.of(id, "{{json .NetworkSettings.Ports}}"));
    let ports: std::collections::BTreeSet<_> = ports.collect();
    assert_eq!(ports.len(), 2, "each has its own: {ports:?}");
    host.clear();
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

/// More than fits into a socket, and after the last byte of one the other one still speaks.
fn echo(who: &str, mut client: TcpStream, mut server: TcpStream) {
    let sent: Vec<u8> = (0..4 << 20).map(|number| number as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut heard = vec![];
            server.read_to_end(&mut heard).unwrap();
            server.write_all(&heard).unwrap();
            server.shutdown(Shutdown::Both).unwrap();
        });
        client.write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut heard = vec![];
        client.read_to_end(&mut heard).unwrap();
        assert!(heard == sent, "{who}: {} of {} bytes came back", heard.len(), sent.len());
    });
}

fn refused(host: &Host) {
    host.says(&["network", "create", "web"]);
    let run = |port: &str, why: &str| {
        for run in [&["run"][..], &["run", "-d"]] {
            host.refuses_with(125, &[run, &["--net", "web", "-p", port, "tiny", "true"]].concat(), why);
        }
    };
    run("80:80", "cannot publish 0.0.0.0:80->80/tcp: bind: permission denied");
    run("203.0.113.77:8080:80", "bind: cannot assign requested address");
    let taken = TcpListener::bind("127.0.0.1:8080").unwrap();
    run("8080:80", "cannot publish 0.0.0.0:8080->80/tcp: bind: address already in use");
    drop(taken);
    let first = host.container("first", &["--net", "web", "-p", "8080:80"]);
    run("127.0.0.1:8080:80", "bind: address already in use");
    // Somebody stays, and with him the namespace and its packet filter.
    host.container("neighbour", &["--net", "web"]);
    kill_supervisor(&first);
    eventually("whoever stood in the door ends", || TcpListener::bind("127.0.0.1:8080").is_ok());
    // Settled from outside, where nobody reaches the packet filter: whoever comes next takes the port out of it.
    assert_eq!(host.says(&["ps", "-q"]).lines().count(), 1, "nothing is left of the others");
    let has = |ports: usize| redirected(host).is_none_or(|redirected| redirected == ports);
    assert!(has(1));
    host.container("second", &["--net", "web"]);
    assert!(has(0), "a port of somebody who has gone");
    host.container("third", &["--net", "web", "-p", "8080:80"]);
    assert!(has(1));
    host.clear();
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

/// A device that everybody may open, as systems with udev have it.
fn has_tun(host: &Host, test: &str) -> bool {
    const TUN: &str = "/dev/net/tun";
    let node = host.home.path().join("tun");
    let made = glassbox::kernel::fs::mknod(&node, 10, 200)
        .and_then(|()| glassbox::kernel::fs::chmod(&node, 0o666))
        .and_then(|()| bind(&node, TUN));
    if let Err(error) = &made {
        skip(test, error);
    }
    made.is_ok()
}

fn way_out(host: &Host) {
    if !has_tool("pasta", "the way out") || !has_tun(host, "the way out") {
        return;
    }
    let outside = Outside::beside(host);
    link::add_default_route(outside.address).unwrap();
    host.says(&["network", "create", "web"]);
    let a = host.container("a", &["--net", "web"]);
    let server = listen(&outside.pid, 80);
    let place = SocketAddrV4::new(outside.address, 80);
    connect(&a, place).unwrap();
    assert_eq!(server.accept().unwrap().1.ip(), outside.hosts);
    // The same without pasta.
    host.says(&["rm", "-f", "a"]);
    if has_tool("slirp4netns", "another way out") {
        eventually("the keeper ends", || !host.home.state().join("networks/namespace").exists());
        let pasta = crate::common::find_tool("pasta").unwrap();
        bind("/dev/null", &pasta).unwrap();
        let b = host.container("b", &["--net", "web"]);
        connect(&b, place).unwrap();
        assert_eq!(server.accept().unwrap().1.ip(), outside.hosts);
    }
    host.clear();
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

fn no_way_out(host: &Host) {
    for tool in ["pasta", "slirp4netns"].iter().filter_map(|tool| crate::common::find_tool(tool)) {
        bind("/dev/null", &tool).unwrap();
    }
    host.says(&["network", "create", "web"]);
    let ran = host.glassbox(&["run", "--rm", "--net", "web", "tiny", "true"]);
    let note = "note: neither pasta nor slirp4netns is installed: apt install passt; containers on this";
    assert!(ran.code == Some(0) && ran.err.starts_with(note), "{ran}");
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

/// How many ports of the host lead to a container, if there is somebody who can tell.
fn redirected(host: &Host) -> Option<usize> {
    inside(&keeper(host).to_string(), redirections).map(|redirections| redirections.len())
}

/// The process that keeps the user's networks.
fn keeper(host: &Host) -> i32 {
    let kept = std::fs::read(host.home.state().join("networks/namespace")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    kept["process"]["pid"].as_i64().unwrap() as i32
}

fn keeper_killed(host: &Host) {
    host.says(&["network", "create", "web"]);
    host.container("a", &["--net", "web"]);
    let keeper = keeper(host);
    kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
    let is_gone = || processes::Process::of(keeper).is_none_or(|process| !process.is_alive());
    eventually("it ends", is_gone);
    let run = ["run", "--rm", "--net", "web", "tiny", "true"];
    host.refuses_with(125, &run, "the process that keeps this user's networks was killed");
    host.says(&["rm", "-f", "a"]);
    eventually("its supervisor ends", || host.glassbox(&run).code == Some(0));
    host.says(&["network", "rm", "web"]);
    nothing_left(host);
}

/// strace kills the command, its keeper or its container. Then the network can be used and removed, and nothing is left.
fn at_every_step(host: &Host) {
    if !has_tool("strace", "a container that is killed while it starts") {
        return;
    }
    let mut kills = 0;
    for step in ["flock", "unshare", "setns", "clone", "clone3", "sendto", "close_range", "wait4"] {
        for number in 1..=6 {
            host.says(&["network", "create", "web"]);
            let run = ["run", "--net", "web", "-p", "127.0.0.1::80", "tiny", "true"];
            let was_killed = killed(host, &run, step, number, false);
            kills += u32::from(was_killed);
            host.clear();
            host.says(&["run", "--rm", "--net", "web", "tiny", "true"]);
            host.says(&["network", "rm", "web"]);
            nothing_left(host);
            if !was_killed {
                break;
            }
        }
    }
    assert!(kills > 8, "it was killed {kills} times");
}
