//! Ports of containers that are reached by ports of the host.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::trial;
use crate::host::{inside, on_a_host_of_containers, redirections};
use crate::join::{Outside, cannot_connect, connect, kill_supervisor, listen};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("publish: whoever asks", || on_a_host_of_containers("whoever asks", whoever)),
        trial("publish: single packets", || on_a_host_of_containers("single packets", datagrams)),
        trial("publish: a port that is taken", || on_a_host_of_containers("taken", taken)),
        trial("publish: on one address", || on_a_host_of_containers("one address", one_address)),
        trial("publish: as many as there are", || on_a_host_of_containers("ranges", ranges)),
        trial("publish: each by itself", || on_a_host_of_containers("each by itself", elements)),
        trial("publish: one of many", || on_a_host_of_containers("one of many", one_of_many)),
        trial("publish: what makes no sense is said", || on_a_host_of_containers("refusals", refusals)),
    ]
}

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn web(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
}

fn whoever(host: &Host) {
    web(host);
    host.says(&["network", "create", "db"]);
    let outside = Outside::beside(host);
    let served = host.container("served", &["--net", "web", "-p", "8080:80"]);
    let neighbour = host.container("neighbour", &["--net", "web"]);
    let other = host.container("other", &["--net", "db"]);
    let server = listen(&served, 80);
    let port = |address| SocketAddrV4::new(address, 8080);
    let answers = |who: &str, reached: std::io::Result<TcpStream>| {
        let reached = reached.unwrap_or_else(|error| panic!("{who}: {error}"));
        let (accepted, from) = server.accept().unwrap();
        assert_eq!(accepted.local_addr().unwrap().to_string(), "10.9.0.2:80", "{who}");
        drop(reached);
        from.ip()
    };
    for (who, address) in
        [("loopback", Ipv4Addr::LOCALHOST), ("the host's address", outside.hosts), ("the gateway", GATEWAY)]
    {
        answers(who, TcpStream::connect_timeout(&port(address).into(), Duration::from_secs(5)));
    }
    let from = answers("outside", connect(&outside.pid, port(outside.hosts)));
    assert_eq!(from, outside.address, "who asks is to be seen");
    answers("a neighbour", connect(&neighbour, port(GATEWAY)));
    answers("itself", connect(&served, port(outside.hosts)));
    answers("another network", connect(&other, port(outside.hosts)));
    cannot_connect(&other, SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 2), 80), "not without the host");

    assert_eq!(
        host.says(&["ps", "-f", "name=served", "--format", "{{.Ports}} {{.Networks}}"]),
        "0.0.0.0:8080->80/tcp web"
    );
    assert!(host.says(&["ps"]).lines().any(|line| line.contains(" 0.0.0.0:8080->80/tcp ")));
    assert_eq!(
        host.of("served", "{{json .NetworkSettings.Ports}}"),
        "{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}]}"
    );
    host.says(&["rm", "-f", "served"]);
    assert!(redirections().is_none_or(|none| none.is_empty()));
    TcpListener::bind(port(Ipv4Addr::UNSPECIFIED)).expect("it is free again");
    glassbox::kernel::link::delete("lan0").unwrap();
}

/// Each container has an element for each of its ports, and nobody else's is touched.
fn elements(host: &Host) {
    web(host);
    host.container("a", &["--net", "web", "-p", "8080:80", "-p", "127.0.0.1:5300:53/udp"]);
    host.container("b", &["--net", "web", "-p", "8081:80"]);
    let of_b = "tcp . 8081 : 10.9.0.3 . 80";
    let of_a = ["127.0.0.1 . udp . 5300 : 10.9.0.2 . 53", "tcp . 8080 : 10.9.0.2 . 80"];
    let both = redirections();
    assert!(both.as_ref().is_none_or(|both| *both == [&of_a[..], &[of_b]].concat()), "{both:?}");
    host.says(&["rm", "-f", "a"]);
    let one = redirections();
    assert!(one.as_ref().is_none_or(|one| one == &[of_b]), "{one:?}");
    // A table that does not know what it should is made anew.
    let bridge = crate::host::bridges()[0].name.clone();
    glassbox::kernel::nftables::delete_table(&bridge).unwrap();
    host.container("c", &["--net", "web", "-p", "8082:80"]);
    for (name, port) in [("b", 8081), ("c", 8082)] {
        let server = listen(&host.of(name, "{{.State.Pid}}"), 80);
        TcpStream::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).unwrap();
        server.accept().unwrap();
    }
    glassbox::kernel::nftables::delete_table(&bridge).unwrap();
    host.says(&["rm", "-f", "b"]);
    let server = listen(&host.of("c", "{{.State.Pid}}"), 80);
    TcpStream::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8082)).unwrap();
    server.accept().unwrap();
}

/// One of the host's ports for each of several containers.
fn one_of_many(host: &Host) {
    web(host);
    let taken = TcpListener::bind("0.0.0.0:8001").unwrap();
    let replicas =
        ["run", "-d", "--replicas", "3", "--net", "web", "-p", "8000-8003:80", "tiny", "sleep", "1000"];
    host.says(&replicas);
    let ports = || {
        let ports = host.says(&["ps", "--format", "{{.Ports}}"]);
        let mut ports: Vec<String> = ports.lines().map(String::from).collect();
        ports.sort();
        ports
    };
    let expected = [8000, 8002, 8003].map(|port| format!("0.0.0.0:{port}->80/tcp"));
    assert_eq!(ports(), expected);
    let one = ["run", "-d", "--net", "web", "-p", "8000-8003:80", "tiny", "sleep", "1000"];
    host.refuses_with(
        125,
        &one,
        "cannot publish 0.0.0.0:8000-8003->80/tcp: bind: each address is already in use",
    );
    drop(taken);
    host.says(&one);
    assert_eq!(ports().len(), 4);
}

fn datagrams(host: &Host) {
    web(host);
    let outside = Outside::beside(host);
    let served = host.container("served", &["--net", "web", "-p", "5300:53/udp"]);
    let server = inside(&served, || UdpSocket::bind("0.0.0.0:53").unwrap());
    let own = UdpSocket::bind("0.0.0.0:0").unwrap();
    let theirs = inside(&outside.pid, || UdpSocket::bind("0.0.0.0:0").unwrap());
    for (socket, address) in [(own, Ipv4Addr::LOCALHOST), (theirs, outside.hosts)] {
        for socket in [&socket, &server] {
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        }
        socket.send_to(b"question", SocketAddrV4::new(address, 5300)).unwrap();
        let mut buffer = [0; 64];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..length], from).unwrap();
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from.to_string()), (&b"question"[..], format!("{address}:5300")));
    }
    glassbox::kernel::link::delete("lan0").unwrap();
}

fn taken(host: &Host) {
    web(host);
    let run = |port: &str, why: &str| {
        for run in [&["run"][..], &["run", "-d"]] {
            host.refuses_with(125, &[run, &["--net", "web", "-p", port, "tiny", "true"]].concat(), why);
        }
    };
    let server = TcpListener::bind("127.0.0.1:8080").unwrap();
    run("8080:80", "cannot publish 0.0.0.0:8080->80/tcp: bind: address already in use");
    drop(server);
    let first = host.container("first", &["--net", "web", "-p", "8080:80"]);
    run("127.0.0.1:8080:80", "bind: address already in use");
    run("203.0.113.77:8080:80", "bind: cannot assign requested address");
    host.container("udp", &["--net", "web", "-p", "8080:80/udp"]);
    assert_eq!(host.says(&["ps", "-aq"]).lines().count(), 2, "nothing is left of the others");
    TcpListener::bind("127.0.0.1:8080").expect_err("it is held");
    kill_supervisor(&first);
    let second = host.container("second", &["--net", "web", "-p", "8080:80"]);
    let server = listen(&second, 80);
    TcpStream::connect_timeout(&"127.0.0.1:8080".parse().unwrap(), Duration::from_secs(5)).unwrap();
    server.accept().unwrap();
}

fn one_address(host: &Host) {
    web(host);
    let outside = Outside::beside(host);
    let served =
        host.container("served", &["--net", "web", "-p", "127.0.0.1::80", "-p", "127.0.0.1:8080:80"]);
    let server = listen(&served, 80);
    let field = host.of("served", "{{json .NetworkSettings.Ports}}");
    let ports: serde_json::Value = serde_json::from_str(&field).unwrap();
    let drawn: u16 = ports["80/tcp"][0]["HostPort"].as_str().unwrap().parse().unwrap();
    assert!(drawn > 0, "{field}");
    for port in [drawn, 8080] {
        let place = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        TcpStream::connect_timeout(&place.into(), Duration::from_secs(5)).unwrap();
        server.accept().unwrap();
    }
    cannot_connect(&outside.pid, SocketAddrV4::new(outside.hosts, 8080), "it is the host's own");
    glassbox::kernel::link::delete("lan0").unwrap();
}

fn ranges(host: &Host) {
    web(host);
    let served = host.container("served", &["--net", "web", "-p", "8000-8002:80-82"]);
    for number in 0..3 {
        let server = listen(&served, 80 + number);
        let place = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8000 + number);
        TcpStream::connect_timeout(&place.into(), Duration::from_secs(5)).unwrap();
        server.accept().unwrap();
    }
    // Their rules are more than a socket usually takes at once.
    let many = host.container("many", &["--net", "web", "-p", "9000-9399:80-479"]);
    let server = listen(&many, 479);
    TcpStream::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9399)).unwrap();
    server.accept().unwrap();
    let one = ["run", "--net", "web", "-p", "8002:80", "tiny", "true"];
    host.refuses_with(125, &one, "cannot publish 0.0.0.0:8002->80/tcp");
    let wrong = host.glassbox(&["run", "--net", "web", "-p", "8003-8004:80-82", "tiny", "true"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("2 ports of the host cannot lead to 3"), "{wrong}");
}

fn refusals(host: &Host) {
    web(host);
    host.refuses_with(125, &["run", "-p", "8080:80", "tiny", "true"], "in user defined networks only");
    host.refuses_with(
        125,
        &["run", "--net", "host", "-p", "8080:80", "tiny", "true"],
        "user defined networks only",
    );
    let wrong = host.glassbox(&["run", "--net", "web", "-p", "8080:http", "tiny", "true"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("\"http\" is no port"), "{wrong}");
}
