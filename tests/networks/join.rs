//! Containers on networks: addresses, packets and names.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use glassbox::kernel::link::{self, End, Mac};
use glassbox::kernel::mount::{Flags, UmountFlags, make_private, mount, umount2};
use glassbox::kernel::namespace::{Kind, unshare};
use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::host::Host;
use crate::common::killed::killed;
use crate::common::{eventually, finish, has_tool, processes, trial};
use crate::host::{bridges, cables, inside, left, on_a_host_of_containers};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("join: an address, a way out, and back", || on_a_host_of_containers("life", life)),
        trial("join: what cannot be had is said", || on_a_host_of_containers("refusals", refusals)),
        trial("join: names", || on_a_host_of_containers("names", names)),
        trial("join: packets", || on_a_host_of_containers("packets", packets)),
        trial("join: the first packet", || on_a_host_of_containers("first packet", first_packet)),
        trial("join: the host's end is asked for", || on_a_host_of_containers("the host's end", asked)),
        trial("join: several at once", || on_a_host_of_containers("several", several)),
        trial("join: the machine was started again", || on_a_host_of_containers("again", again)),
        trial("join: a supervisor that was killed", || on_a_host_of_containers("orphans", orphans)),
        trial("join: killed while it starts", || on_a_host_of_containers("killed", at_every_step)),
    ]
}

fn shown(host: &Host, name: &str) -> Value {
    let shown: Value = serde_json::from_str(&host.says(&["network", "inspect", name])).unwrap();
    shown[0].clone()
}

fn address(host: &Host, container: &str) -> Ipv4Addr {
    host.of(container, "{{.NetworkSettings.Networks.web.IPAddress}}").parse().unwrap()
}

fn life(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
    let pid = host.container("a", &["--net", "web"]);
    host.container("b", &["--network", "web", "--ip", "10.9.0.77"]);
    host.container("c", &["--net", "web"]);
    let addresses = ["a", "b", "c"].map(|name| address(host, name).to_string());
    assert_eq!(addresses, ["10.9.0.2", "10.9.0.77", "10.9.0.3"]);
    let links = inside(&pid, || link::links().unwrap());
    let eth0 = links.iter().find(|link| link.name == "eth0").unwrap();
    assert!(links.len() == 2 && links.iter().all(|link| link.up), "{links:?}");
    let mac = host.of("a", "{{.NetworkSettings.Networks.web.MacAddress}}");
    assert_eq!((eth0.mac.unwrap().to_string(), mac.as_str()), (mac.clone(), "02:42:0a:09:00:02"));
    let web = shown(host, "web");
    let members = web["Containers"].as_object().unwrap();
    let a = &members[&host.of("a", "{{.Id}}")];
    assert_eq!((members.len(), &a["Name"], &a["IPv4Address"]), (3, &"a".into(), &"10.9.0.2/24".into()));
    assert_eq!(host.of("a", "{{.HostConfig.NetworkMode}}"), "web");
    host.refuses(&["network", "rm", "web"], "network web has active endpoints: a (");
    host.says(&["kill", "a"]);
    host.says(&["wait", "a"]);
    host.says(&["rm", "-f", "b"]);
    host.container("d", &["--net", "web"]);
    assert_eq!(address(host, "d").to_string(), "10.9.0.4", "one that was given back rests");
    host.container("e", &["--net", "web", "--ip", "10.9.0.2"]);
    assert_eq!(host.of("a", "{{.NetworkSettings.Networks.web.IPAddress}}"), "");
    let ran = host.glassbox(&["run", "--rm", "--net", "web", "tiny", "ls", "/sys/class/net"]);
    assert_eq!(ran.out, "eth0\nlo\n", "{ran}");
    host.says(&["rm", "-f", "c", "d", "e"]);
    host.says(&["network", "rm", "web"]);
    host.says(&["inspect", "a"]);
}

fn refusals(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/29", "web"]);
    let run = |flags: &[&str], why: &str| {
        for run in [&["run"][..], &["run", "-d"]] {
            host.refuses_with(125, &[run, flags, &["tiny", "true"]].concat(), why);
        }
    };
    run(&["--net", "db"], "network db not found");
    run(&["--net", "../web"], "network ../web not found");
    run(&["--ip", "10.9.0.4"], "user specified IP address is supported on user defined networks only");
    run(&["--network-alias", "x", "--net", "host"], "network-scoped alias is supported only for");
    run(&["--net", "web", "--ip", "10.8.0.4"], "no configured subnet contains IP address 10.8.0.4");
    run(&["--net", "web", "--ip", "10.9.0.7"], "no configured subnet contains IP address 10.9.0.7");
    run(&["--net", "web", "--ip", "10.9.0.1"], "the address 10.9.0.1 is already in use");
    for name in ["a", "b", "c", "d", "e"] {
        host.container(name, &["--net", "web"]);
    }
    run(&["--net", "web", "--ip", "10.9.0.3"], "the address 10.9.0.3 is already in use");
    run(&["--net", "web"], "no available IPv4 addresses on the network web");
    assert_eq!(host.says(&["ps", "-aq"]).lines().count(), 5, "nothing is left of the others");
    let failed = host.glassbox(&["run", "--net", "web", "--rm", "tiny", "nope"]);
    assert_eq!(failed.code, Some(125), "{failed}");
    host.says(&["rm", "-f", "e"]);
    let failed = host.glassbox(&["run", "--net", "web", "tiny", "nope"]);
    assert_eq!(failed.code, Some(127), "{failed}");
    assert_eq!(shown(host, "web")["Containers"].as_object().unwrap().len(), 4);
}

fn names(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/24", "web"]);
    host.container("a", &["--net", "web", "--network-alias", "db", "-h", "first"]);
    let lines = |name: &str| host.inside(name, &["cat", "/etc/hosts"]).lines().map(String::from).collect();
    let id = host.of("a", "{{.Id}}");
    let before: Vec<String> = lines("a");
    assert_eq!(before.last().unwrap(), &format!("10.9.0.2\ta db {} first", &id[..12]));
    assert!(before[0] == "127.0.0.1\tlocalhost" && before.len() == 3, "{before:?}");
    host.container("b", &["--net", "web"]);
    let both: Vec<String> = lines("a");
    assert!(both.len() == 4 && both == lines("b") && both[3].starts_with("10.9.0.3\tb "), "{both:?}");
    let written = host.glassbox(&["exec", "a", "sh", "-c", "echo 10.9.0.9 b > /etc/hosts"]);
    assert!(written.code != Some(0), "names are not a member's to change: {written}");
    host.says(&["rm", "-f", "b"]);
    assert_eq!(before, lines("a"));
    assert_eq!(host.inside("a", &["hostname"]), "first");
}

/// A server in a container.
pub(crate) fn listen(pid: &str, port: u16) -> TcpListener {
    inside(pid, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap())
}

pub(crate) fn connect(pid: &str, to: SocketAddrV4) -> io::Result<TcpStream> {
    inside(pid, || TcpStream::connect_timeout(&to.into(), Duration::from_secs(10)))
}

/// Nobody answers there, for as long as a thousand connections take elsewhere.
pub(crate) fn cannot_connect(pid: &str, to: SocketAddrV4, why: &str) {
    let tried = inside(pid, || TcpStream::connect_timeout(&to.into(), Duration::from_millis(500)));
    tried.expect_err(why);
}

fn packets(host: &Host) {
    for name in ["web", "db"] {
        host.says(&["network", "create", name]);
    }
    let [a, b] = ["a", "b"].map(|name| host.container(name, &["--net", "web"]));
    let c = host.container("c", &["--net", "db"]);
    let place = |name| SocketAddrV4::new(address(host, name), 80);
    let unasked = std::fs::read_to_string(format!("/proc/{a}/net/if_inet6")).unwrap_or_default();
    assert!(!unasked.contains("eth0"), "no addresses but those of the network: {unasked}");
    let server = listen(&b, 80);
    connect(&a, place("b")).unwrap();
    let (_, from) = server.accept().unwrap();
    assert_eq!(from.ip(), address(host, "a"), "neighbours see each other's addresses");
    TcpStream::connect(place("b")).expect("the host reaches it");
    cannot_connect(&c, place("b"), "another network does not");

    // Out of the host, as whoever that is.
    let outside = Outside::beside(host);
    let server = listen(&outside.pid, 80);
    connect(&a, SocketAddrV4::new(outside.address, 80)).unwrap();
    let (_, from) = server.accept().unwrap();
    assert_eq!(from.ip(), outside.hosts);
    // Even somebody who knows the way does not come in.
    cannot_connect(&outside.pid, place("b"), "nobody has asked for it");
}

/// The kernel switches the host's end and the bridge on when it finds time for it; it has when it was asked for them.
fn first_packet(host: &Host) {
    let pid = host.container("a", &[]);
    let inside_a = Some(Pid::from_raw(pid.parse().unwrap()));
    let (socket, _) = UnixStream::pair().unwrap();
    // Unlike netlink, these files do not wait for what the kernel does meanwhile.
    let sys = sysfs(host);
    let state = |name| format!("/proc/self/fd/{}/class/net/{name}/operstate", sys.as_raw_fd());
    with_busy_kernel(|| {
        for number in 0..50 {
            link::add_bridge("br0", Mac([2, 0, 0, 0, 0, 1])).unwrap();
            link::set_up("br0").unwrap();
            let end = End { name: "eth0", mac: Mac([2, 0, 0, 0, 0, 2]), inside: inside_a };
            link::add_veth_port("port", "br0", &end).unwrap();
            inside(&pid, || link::set_up("eth0").unwrap());
            assert!(link::has_carrier(socket.as_fd(), "port").unwrap());
            assert!(link::has_carrier(socket.as_fd(), "br0").unwrap());
            for name in ["port", "br0"] {
                let state = std::fs::read_to_string(state(name)).unwrap();
                assert_eq!(state, "up\n", "{name}, the {number}th time");
            }
            link::delete("port").unwrap();
            link::delete("br0").unwrap();
        }
    });
    let error = link::has_carrier(socket.as_fd(), "port").unwrap_err();
    assert_eq!(error.errno, Errno::ENODEV, "{error}");
}

/// `/sys`, as it is for this thread's network namespace.
fn sysfs(host: &Host) -> OwnedFd {
    unshare(&[Kind::Mnt]).unwrap();
    make_private("/").unwrap();
    let place = host.home.path();
    mount("sysfs", place, "sysfs", Flags::empty(), "").unwrap();
    let sys = File::open(place).unwrap();
    umount2(place, UmountFlags::MNT_DETACH).unwrap();
    sys.into()
}

/// Do something while the kernel has to make and to remove interfaces elsewhere, too.
fn with_busy_kernel(work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let busy = || {
        unshare(&[Kind::Net]).unwrap();
        let peer = End { name: "b", mac: Mac([2, 0, 0, 0, 0, 2]), inside: None };
        while !done.load(Relaxed) {
            link::add_veth("a", Mac([2, 0, 0, 0, 0, 1]), &peer).unwrap();
            link::set_up("a").unwrap();
            link::set_up("b").unwrap();
            link::delete("a").unwrap();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(busy);
        }
        let ended = catch_unwind(AssertUnwindSafe(work));
        done.store(true, Relaxed);
        ended.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// A container asks for both before it becomes its program.
fn asked(host: &Host) {
    if !has_tool("strace", "what a container does before it is its program") {
        return;
    }
    host.says(&["network", "create", "web"]);
    let log = host.home.path().join("strace.log");
    let mut strace = host.home.command("strace");
    strace.args(["-f", "-q", "-o", log.to_str().unwrap(), "-e", "trace=sendto,ioctl,execve", "--"]);
    let run = ["run", "--rm", "--net", "web", "tiny", "true"];
    let ran = finish(strace.arg(host.home.program()).args(run));
    assert_eq!(ran.code, Some(0), "{ran}");
    let log = std::fs::read_to_string(log).unwrap();
    let program = log.lines().find(|line| line.contains("execve(\"/") && line.contains("/true\"")).unwrap();
    let pid = program.split(' ').next().unwrap();
    let calls: Vec<&str> = log.lines().filter(|line| line.starts_with(&format!("{pid} "))).collect();
    let place = |call: &str| calls.iter().rposition(|line| line.contains(call)).unwrap();
    let questions = calls.iter().filter(|line| line.contains("SIOCETHTOOL")).count();
    let order = ["sendto(", "SIOCETHTOOL", "/true\""].map(place);
    assert!(questions == 2 && order.is_sorted(), "{calls:#?}");
}

/// Another machine, on a cable to the host: a container without a network is made into it.
pub(crate) struct Outside {
    pub(crate) address: Ipv4Addr,
    pub(crate) hosts: Ipv4Addr,
    pub(crate) pid: String,
}

impl Outside {
    pub(crate) fn beside(host: &Host) -> Self {
        let (address, hosts) = (Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(203, 0, 113, 1));
        let pid = host.container("outside", &[]);
        let end = Some(Pid::from_raw(pid.parse().unwrap()));
        let peer = End { name: "eth0", mac: Mac([2, 0, 0, 0, 1, 9]), inside: end };
        link::add_veth("lan0", Mac([2, 0, 0, 0, 1, 1]), &peer).unwrap();
        link::add_address("lan0", hosts, 24).unwrap();
        link::set_up("lan0").unwrap();
        inside(&pid, || {
            link::add_address("eth0", address, 24).unwrap();
            link::set_up("eth0").unwrap();
            link::add_default_route(hosts).unwrap();
        });
        Self { address, hosts, pid }
    }
}

fn several(host: &Host) {
    host.says(&["network", "create", "web"]);
    let replicas =
        || host.home.glassbox(["run", "-d", "--replicas", "8", "--net", "web", "tiny", "sleep", "1000"]);
    let children: Vec<_> =
        (0..3).map(|_| replicas().stdout(std::process::Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let web = shown(host, "web");
    let members = web["Containers"].as_object().unwrap().values();
    let addresses: std::collections::BTreeSet<_> =
        members.map(|one| one["IPv4Address"].to_string()).collect();
    assert_eq!((addresses.len(), cables().len()), (24, 24));
}

/// What the kernel had of the network is gone.
fn again(host: &Host) {
    host.says(&["network", "create", "web"]);
    let bridge = bridges()[0].name.clone();
    link::delete(&bridge).unwrap();
    glassbox::kernel::nftables::delete_table(&bridge).unwrap();
    host.container("a", &["--net", "web"]);
    assert_eq!(bridges().len(), 1);
    assert!(!glassbox::kernel::nftables::rules().unwrap().is_empty());
}

/// Kill whoever looks after the container with this process 1.
pub(crate) fn kill_supervisor(pid: &str) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
    send(Pid::from_raw(parent.parse().unwrap()), Signal::SIGKILL).unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{parent}/status"));
    eventually("it ends", || status().map_or(true, |status| status.contains("State:\tZ")));
}

fn orphans(host: &Host) {
    host.says(&["network", "create", "--subnet", "10.9.0.0/30", "web"]);
    kill_supervisor(&host.container("a", &["--net", "web"]));
    // The only address is given to another one, which settles the first.
    kill_supervisor(&host.container("b", &["--net", "web"]));
    host.says(&["network", "rm", "web"]);
    assert!(host.says(&["ps", "-a"]).lines().skip(1).all(|line| line.contains("Exited (137)")));
}

/// Then the network can be removed, and nothing is left.
fn at_every_step(host: &Host) {
    if !has_tool("strace", "a container that is killed while it starts") {
        return;
    }
    let mut kills = 0;
    for step in ["flock", "sendto", "?rename,renameat,renameat2", "clone3", "wait4"] {
        for number in 1..=12 {
            host.says(&["network", "create", "web"]);
            let run = ["run", "--net", "web", "-p", "8080:80", "tiny", "true"];
            let was_killed = killed(host, &run, step, number, false);
            kills += u32::from(was_killed);
            if number % 2 == 0 {
                host.clear();
            }
            host.says(&["network", "rm", "web"]);
            host.says(&["sweep"]);
            assert_eq!(left(host), Vec::<String>::new(), "killed at {step} number {number}");
            host.clear();
            if !was_killed {
                break;
            }
        }
    }
    assert!(kills > 8, "it was killed {kills} times");
    let home = format!("XDG_STATE_HOME={}", host.home.path().display());
    assert!(processes::with_environment(&home).is_empty());
}
