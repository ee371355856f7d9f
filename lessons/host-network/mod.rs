//! No network namespace: what a container shares with its host then.

mod lab;

use std::os::fd::AsFd;

use crate::event::man;
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_veth, set_down, set_up};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::{bind, connect, everywhere, listen, loopback, loopback_up, stream_socket};
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::net::{link, listening};
use crate::probe::process::{interfaces, namespace};
use crate::stage::{Child, Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "host-network",
    title: "With the host's network",
    minutes: 6,
    builds_on: &["veth"],
    steps: 3,
    needs: &[
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Link(LinkKind::Veth),
    ],
    run,
    lab: lab::LAB,
};

/// An interface of the host.
const LAN: &str = "lan0";
/// The port that both want.
const PORT: u16 = 80;
/// One that is free.
const OTHER: u16 = 8081;

fn run(stage: &mut Stage) -> Result<()> {
    let mut container = no_namespace(stage)?;
    one_port_once(stage, &mut container)?;
    one_stack(stage, container)
}

// ANCHOR: no_namespace
fn no_namespace(stage: &mut Stage) -> Result<Child> {
    stage.step("everything but the network");
    stage.say(
        "A container is made of namespaces, and each may be left out. docker run --network host leaves out one. The host of
         this lesson is a network namespace made for it, with an interface lan0, so that yours is not touched.",
    );
    unshare(&[Kind::Net])?;
    loopback_up()?;
    let peer = End { name: "far", mac: Mac([2, 0, 0, 0, 0, 2]), inside: None };
    add_veth(LAN, Mac([2, 0, 0, 0, 0, 1]), &peer)?;
    set_up("far")?;
    set_up(LAN)?;
    let guess = stage.predict(
        "The container has UTS and IPC namespaces of its own, and no new network namespace. Which interfaces has it?",
        &["lo only", "none", "the host's"],
    );
    let container = stage.child("container", Clone3::new().newuts().newipc(), life)?;

    let pid = container.pid();
    let mut table = stage.side_by_side("namespaces", "host", "container");
    for kind in [Kind::Uts, Kind::Ipc, Kind::Net] {
        let (host, its) = (namespace("self", kind)?, namespace(pid, kind)?.labelled(format!("ns/{kind}")));
        table = table.compare(&host, &its, if host.text == its.text { "shared" } else { "its own" });
    }
    table.show();
    let host = namespace("self", Kind::Net)?;
    stage.check("it is in the host's network namespace").expect(&host).saw(&namespace(pid, Kind::Net)?)?;
    let (mine, its) = (interfaces("self")?, interfaces(pid)?);
    stage.check("and has the same interfaces").expect(mine.varying()).saw(&its.clone().varying())?;
    let has_lan = its.text.split(' ').any(|name| name == LAN);
    stage.check("lan0 among them").saw((has_lan, &its.source))?;
    stage.reveal(
        guess,
        if has_lan { "the host's" } else { "lo only" },
        "A namespace that is not asked for is not made, and a child is where its parent is. There is no copy and no view:
         container and host have one and the same network stack.",
    )?;
    stage.why(
        "Nothing is in between, so nothing costs: no cable, no bridge, no translation. That is why it is taken for programs
         that send very many packets, want to see the host's interfaces, or open ports that nobody knows beforehand.",
        &[man("clone", 2), man("network_namespaces", 7)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-n", "ip -brief link"), "the host's interfaces");
    stage.pause("a container in its host's network")?;
    Ok(container)
}
// ANCHOR_END: no_namespace

/// What the container does. Between its phases the host acts.
fn life(inside: &mut Stage) -> Result<()> {
    inside.hold()?;
    let server = stream_socket()?;
    let refused = bind(server.as_fd(), everywhere(PORT)).refused();
    inside.check("the port is the host's already").expect(Errno::EADDRINUSE).saw((refused, "bind()"))?;
    inside.say("The right way: another port. Nobody can give it a second port 80 here.");
    bind(server.as_fd(), everywhere(OTHER))?;
    listen(server.as_fd())?;
    inside.hold()?;
    set_down(LAN)?;
    inside.hold()
}

// ANCHOR: one_port_once
fn one_port_once(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("one port, once");
    stage.say("A server on the host listens on port 80. The one in the container wants the same, as its image has it.");
    let server = stream_socket()?;
    bind(server.as_fd(), everywhere(PORT))?;
    listen(server.as_fd())?;
    let guess = stage.predict(
        "The server in the container binds port 80, which the host has. It gets",
        &["its own port 80", "EADDRINUSE", "port 80, and the host loses it"],
    );

    container.go_on();

    let ports = listening(container.pid())?;
    let both = ports.text.split(' ').filter(|port| *port == PORT.to_string()).count();
    stage.check("port 80 is there once").expect(1usize).saw((both, &ports.source))?;
    stage.reveal(
        guess,
        if both == 1 { "EADDRINUSE" } else { "its own port 80" },
        "Ports belong to the network namespace. With one namespace there is one port 80, whoever asks for it. `-p` is of no
         use here: there is nothing to publish, and docker says that it discards it.",
    )?;
    let client = stream_socket()?;
    let reached = connect(client.as_fd(), loopback(OTHER)).is_ok();
    stage.check("the host reaches the container's 8081 without any rule").saw((reached, "connect()"))?;
    stage.why(
        "It holds the other way round, too: what listens on 127.0.0.1 of the host, and trusts that only programs of the host
         can reach it, is reached by this container. And abstract Unix sockets go by the network namespace: some services of
         the system listen on them.",
        &[man("bind", 2), man("unix", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(container.pid(), "-n", "cat /proc/net/tcp"),
        "both servers: 0050 and 1F91",
    );
    stage.pause("two servers, in one network")
}
// ANCHOR_END: one_port_once

// ANCHOR: one_stack
fn one_stack(stage: &mut Stage, mut container: Child) -> Result<()> {
    stage.step("what it changes");
    stage.say("At last the container, which is root over this network, brings lan0 down.");
    let before = state(LAN)?;
    let guess = stage.predict("What becomes of the host's lan0?", &["it stays up", "it is down"]);

    container.go_on();

    let after = state(LAN)?;
    stage.state("the host").compare(&before, &after, "changed by the container").show();
    stage.check("the host's interface is down").expect("down").saw(&after)?;
    stage.reveal(
        guess,
        if after.text == "down" { "it is down" } else { "it stays up" },
        "There is one lan0. Whoever has CAP_NET_ADMIN over the network namespace that it is in may switch it off, change the
         routes, and write the firewall, in a container or not.",
    )?;
    stage.why(
        "Docker and Podman take CAP_NET_ADMIN away from containers, with the host's network as well. `--network host` together
         with `--privileged` or `--cap-add NET_ADMIN` gives the host's network away.",
        &[man("capabilities", 7), man("network_namespaces", 7)],
    );
    stage.try_it(stage.nsenter("-n", "ip -brief link show lan0")?, "down, on the host");
    stage.pause("the container has switched the host's interface off")?;
    container.finish()
}

/// Whether an interface of the host is up.
fn state(name: &str) -> Result<Reading> {
    let state = if link(name)?.up { "up" } else { "down" };
    Ok(Reading::new(name, format!("RTM_GETLINK {name}"), state))
}
// ANCHOR_END: one_stack
