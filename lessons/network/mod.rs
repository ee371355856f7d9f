//! Network namespaces: interfaces, addresses, ports and a packet filter of one's own.

mod lab;

use std::os::fd::{AsFd, OwnedFd};

use crate::event::{kernel_doc, man};
use crate::kernel::namespace::Kind;
use crate::kernel::net::{
    bind, connect, datagram_socket, everywhere, listen, loopback, loopback_up, sendto, stream_socket,
};
use crate::kernel::nftables::drop_output;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused};
use crate::machine::{Need, explain};
use crate::probe::net::{interface, listening, local_addresses, routes};
use crate::probe::process::{interfaces, namespace};
use crate::stage::{Lesson, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "network",
    title: "Network namespace",
    minutes: 9,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Net)],
    run,
    lab: lab::LAB,
};

/// Where web servers listen.
const PORT: u16 = 80;

fn run(stage: &mut Stage) -> Result<()> {
    an_empty_network(stage)?;
    not_even_itself(stage)?;
    one_port_twice(stage)?;
    rules_of_its_own(stage)
}

// ANCHOR: an_empty_network
fn an_empty_network(stage: &mut Stage) -> Result<()> {
    stage.step("an empty network");
    stage.say(
        "A network namespace is a whole network stack: interfaces, addresses, routes, ports, packet filter. A new
         one begins with next to nothing of it.",
    );
    let guess = stage.predict(
        "What does a new network namespace have?",
        &["the host's interfaces", "lo, up", "lo, down", "no interface at all"],
    );

    let container = stage.child("container", Clone3::new().newnet(), |inside| {
        let names = interfaces("self")?;
        let lo = interface("lo")?;
        inside.check("its only interface is lo").expect("lo").saw(&names)?;
        inside.check("and that is down").expect("down").saw(&lo)?;
        let observed = match (names.text.as_str(), lo.text.as_str()) {
            ("lo", "down") => "lo, down",
            ("lo", _) => "lo, up",
            ("", _) => "no interface at all",
            _ => "the host's interfaces",
        };
        inside.reveal(
            guess,
            observed,
            "Every network namespace is made with a loopback interface of its own, and nobody has switched it
             on. The host's interfaces stay with the host: an interface is in exactly one namespace.",
        )?;
        inside.hold()
    })?;

    let pid = container.pid();
    let (none, addresses) = (routes(pid)?, local_addresses(pid)?);
    stage
        .side_by_side("network", "host", "container")
        .compare(&namespace("self", Kind::Net)?, &namespace(pid, Kind::Net)?.labelled("ns/net"), "its own")
        .compare(&interfaces("self")?.varying(), &interfaces(pid)?.labelled("interfaces"), "lo only")
        .compare(&routes("self")?.varying(), &none.clone().labelled("routes"), "none")
        .compare(&local_addresses("self")?.varying(), &addresses.clone().labelled("addresses"), "none")
        .show();
    stage
        .check("it is in another network namespace")
        .expect_other_than(&namespace("self", Kind::Net)?)
        .saw(&namespace(pid, Kind::Net)?)?;
    stage.check("no route leads out").expect(0).saw(&none)?;
    stage.check("it has no address, not even 127.0.0.1").expect("(empty)").saw(&addresses)?;
    stage.why(
        "`docker run --network none` leaves it at that, with lo up. For everything else a runtime makes a cable of
         two interfaces, a veth pair, and moves one end inside. /proc/PID/net shows the network of that process,
         whoever reads it.",
        &[man("network_namespaces", 7), man("veth", 4)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-n", "cat /proc/net/dev"), "its interfaces: what ip link reads");
    stage.try_it(format!("cat /proc/{pid}/net/route"), "its routes: a head without lines");
    stage.pause("a process waits in an empty network")?;
    container.finish()
}
// ANCHOR_END: an_empty_network

// ANCHOR: not_even_itself
fn not_even_itself(stage: &mut Stage) -> Result<()> {
    stage.step("it cannot even reach itself");
    stage.say(
        "A server and its client, both in the same new namespace. The server listens on port 80, on every
         address that there is. Then the client connects to 127.0.0.1.",
    );
    let guess = stage.predict(
        "A server listens inside, lo is still down. What does connect() to 127.0.0.1 answer?",
        &["0: it is connected", "ECONNREFUSED", "ENETUNREACH"],
    );

    let mut container = stage.child("container", Clone3::new().newnet(), |inside| {
        let _server = serve()?;
        let client = stream_socket()?;
        let refused = connect(client.as_fd(), loopback(PORT)).refused();
        inside
            .check("while lo is down nobody can be reached")
            .expect(Errno::ENETUNREACH)
            .saw((refused, "connect()"))?;
        inside.reveal(
            guess,
            &refused.map_or("0: it is connected".into(), |errno| errno.shown()),
            "127.0.0.1 is no magic number. It is an address of lo, and an address of an interface that is down is
             no address. ECONNREFUSED would mean that the network was there, and nobody listened.",
        )?;
        inside.hold()?;

        inside.say("The right way: first bring lo up, as every runtime does.");
        loopback_up()?;
        inside.check("lo is up").expect("up").saw(&interface("lo")?)?;
        let connected = connect(client.as_fd(), loopback(PORT)).is_ok();
        inside.check("now the same socket connects").saw((connected, "connect()"))?;
        inside.hold()
    })?;

    let pid = container.pid();
    let before = local_addresses(pid)?;
    container.go_on();
    let after = local_addresses(pid)?;
    stage.state("kernel state").compare(&before, &after, "came with lo").show();
    stage.check("up, it has its address").expect("127.0.0.1").saw(&after)?;
    stage.check("still no route leads out").expect(0).saw(&routes(pid)?)?;
    stage.why(
        "When lo comes up, the kernel gives it 127.0.0.1 and ::1 and enters them in the table of local addresses.
         Programs that talk to themselves, a database to its own health check for example, fail without it in
         ways that look like anything but a missing interface.",
        &[man("netdevice", 7), man("connect", 2), man("ip", 7)],
    );
    stage.try_it(format!("cat /proc/{pid}/net/fib_trie"), "its addresses, as the kernel keeps them");
    stage.pause("server and client are connected, in a network of their own")?;
    container.finish()
}
// ANCHOR_END: not_even_itself

// ANCHOR: one_port_twice
fn one_port_twice(stage: &mut Stage) -> Result<()> {
    stage.step("one port, twice");
    stage.say("Two web servers on one machine, and both want port 80. First in one network namespace.");
    let first = stage.child("first", Clone3::new().newnet(), |inside| {
        loopback_up()?;
        let _server = serve()?;
        let second = stream_socket()?;
        let refused = bind(second.as_fd(), everywhere(PORT)).refused();
        inside
            .check("a second server here cannot have it")
            .expect(Errno::EADDRINUSE)
            .saw((refused, "bind()"))?;
        inside.hold()
    })?;
    let guess = stage.predict(
        "The first server goes on. Another one, in a namespace of its own, binds port 80. It gets",
        &["EADDRINUSE", "port 80", "another port, which the kernel picks"],
    );
    let second = stage.child("second", Clone3::new().newnet(), |inside| {
        loopback_up()?;
        let _server = serve()?;
        let client = stream_socket()?;
        let connected = connect(client.as_fd(), loopback(PORT)).is_ok();
        inside.check("127.0.0.1 in here is the second server").saw((connected, "connect()"))?;
        inside.hold()
    })?;

    let ports = (listening(first.pid())?, listening(second.pid())?);
    stage
        .side_by_side("listening ports", "first", "second")
        .compare(&ports.0, &ports.1.clone().labelled("TCP"), "both at once")
        .show();
    stage.check("the first listens on port 80").expect(i32::from(PORT)).saw(&ports.0)?;
    stage.check("the second does so at the same time").expect(i32::from(PORT)).saw(&ports.1)?;
    let got = ports.1.text == PORT.to_string();
    stage.reveal(
        guess,
        if got { "port 80" } else { "another port, which the kernel picks" },
        "A port is not the machine's, it is the network namespace's: the kernel looks ports up together with the
         namespace. So no container has to know which ports its neighbours use.",
    )?;
    stage.why(
        "From outside neither of the two can be reached yet. `docker run -p 8080:80` makes that way: a port of the
         *host's* namespace, of which there is only one each, is led to port 80 inside. Two containers with -p
         8080:80 get EADDRINUSE again.",
        &[man("network_namespaces", 7), man("bind", 2)],
    );
    stage.try_it(
        format!("cat /proc/{}/net/tcp /proc/{}/net/tcp", first.pid(), second.pid()),
        "0050 is 80 in hexadecimal, 0A means listening",
    );
    stage.pause("two servers listen on port 80")?;
    second.finish()?;
    first.finish()
}
// ANCHOR_END: one_port_twice

// ANCHOR: rules_of_its_own
fn rules_of_its_own(stage: &mut Stage) -> Result<()> {
    stage.step("rules of its own");
    stage.say(
        "The packet filter belongs to the namespace, too. Two containers again, and in the first we set a
         rule: every packet that is sent is dropped. The message to the kernel is the one that `nft` would send.",
    );
    let guess = stage.predict(
        "The first container drops all that it sends. Whose packets get through now?",
        &["those of the second container", "nobody's on this machine"],
    );

    let first = stage.child("first", Clone3::new().newnet(), |inside| {
        loopback_up()?;
        let socket = datagram_socket()?;
        let sent = sendto(socket.as_fd(), "hello", loopback(PORT)).is_ok();
        inside.check("without a rule a packet is sent").saw((sent, "sendto()"))?;
        if let Err(error) = drop_output("glass") {
            inside.skip("a packet filter rule", explain(&error));
            return inside.hold();
        }
        let refused = sendto(socket.as_fd(), "hello", loopback(PORT)).refused();
        inside.check("with the rule it is dropped").expect(Errno::EPERM).saw((refused, "sendto()"))?;

        let second = inside.child("second", Clone3::new().newnet(), |other| {
            loopback_up()?;
            let socket = datagram_socket()?;
            let sent = sendto(socket.as_fd(), "hello", loopback(PORT)).is_ok();
            other.check("the second has no such rule").saw((sent, "sendto()"))?;
            other.reveal(
                guess,
                if sent { "those of the second container" } else { "nobody's on this machine" },
                "Tables, chains and rules are kept for each network namespace, and a new one has none. The second
                 container was even made from inside the first: it inherits nothing.",
            )?;
            other.hold()
        })?;
        inside.hold()?;
        second.finish()
    })?;
    stage.why(
        "So a firewall on the host does not see what goes on inside of a container, and filters what comes out of
         it as forwarded packets: the chain is forward, and not input or output. The same holds for connection
         tracking and for the settings in /proc/sys/net, which each namespace has for itself.",
        &[man("network_namespaces", 7), man("netlink", 7), kernel_doc("IP sysctl", "networking/ip-sysctl")],
    );
    stage.try_it(
        stage.scene().nsenter(first.pid(), "-n", "ls /proc/sys/net/netfilter"),
        "settings of its packet filter",
    );
    stage.pause("a container whose packets are dropped, and one whose are not")?;
    first.finish()
}
// ANCHOR_END: rules_of_its_own

/// A server: a socket that listens on [`PORT`].
fn serve() -> Result<OwnedFd> {
    let server = stream_socket()?;
    bind(server.as_fd(), everywhere(PORT))?;
    listen(server.as_fd())?;
    Ok(server)
}
