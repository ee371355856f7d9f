//! A veth pair: the cable between a container and its host.

mod lab;

use std::os::fd::AsFd;

use crate::event::{kernel_doc, man};
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_address, add_veth, delete, set_up};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, bind, datagram_socket, everywhere, recvfrom, sendto};
use crate::kernel::packet::capture;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::frame::{self, Content};
use crate::probe::net::{carrier, link, local_addresses, packets, routes};
use crate::probe::process::interfaces;
use crate::probe::{Reading, until};
use crate::stage::{Child, Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "veth",
    title: "A cable into the container",
    minutes: 8,
    builds_on: &["network"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Net), Need::Link(LinkKind::Veth)],
    run,
    lab: lab::LAB,
};

/// The ends of the cable: name, hardware address, address.
const OUTSIDE: &str = "veth-web";
const OUTSIDE_MAC: Mac = Mac([2, 0x42, 10, 9, 0, 1]);
const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const INSIDE: &str = "eth0";
const INSIDE_MAC: Mac = Mac([2, 0x42, 10, 9, 0, 2]);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const PREFIX: u8 = 24;

const CLIENT: u16 = 40_000;
const SERVICE: SocketAddrV4 = SocketAddrV4::new(HOST, 80);

fn run(stage: &mut Stage) -> Result<()> {
    let mut container = a_cable(stage)?;
    an_address(stage, &mut container)?;
    a_packet(stage, &mut container)?;
    unplugged(stage, container)
}

// ANCHOR: a_cable
fn a_cable(stage: &mut Stage) -> Result<Child> {
    stage.step("two interfaces, one cable");
    stage.say(
        "A container with a network namespace of its own has lo, and no way out. The way out is a pair of interfaces: what
         goes in at one comes out at the other. The host of this lesson is a network namespace, too, made for it: your own
         network is not touched.",
    );
    unshare(&[Kind::Net])?;
    let container = stage.child("container", Clone3::new().newnet(), life)?;
    let pid = container.pid();
    let before = (interfaces("self")?, interfaces(pid)?);
    let guess = stage.predict(
        "A pair is made, with one end inside of the container. What does the host see of it?",
        &["both ends", "one end", "a bridge between them"],
    );

    add_veth(OUTSIDE, OUTSIDE_MAC, &End { name: INSIDE, mac: INSIDE_MAC, inside: Some(pid) })?;

    let after = (interfaces("self")?, interfaces(pid)?);
    stage
        .state("interfaces")
        .compare(&before.0.labelled("host"), &after.0.clone().labelled("host"), "one end")
        .compare(&before.1.labelled("container"), &after.1.clone().labelled("container"), "the other end")
        .show();
    let (host_has_out, host_has_in) = (has(&after.0, OUTSIDE), has(&after.0, INSIDE));
    stage.check("the host has its end").saw((host_has_out, &after.0.source))?;
    stage.check("the other end is in the container").saw((has(&after.1, INSIDE), &after.1.source))?;
    stage.check("and not on the host").expect(false).saw((host_has_in, &after.0.source))?;
    stage.check("the kernel calls it").expect("veth").saw((link(OUTSIDE)?.kind, "RTM_GETLINK veth-web"))?;
    let observed = if host_has_out && !host_has_in { "one end" } else { "both ends" };
    stage.reveal(
        guess,
        observed,
        "An interface is in exactly one network namespace, and these are two interfaces, each in another one. Nothing
         else connects the two: no bridge, and no program that would carry packets.",
    )?;
    stage.why(
        "The message is the one that `ip link add veth-web type veth peer name eth0 netns PID` sends. Docker names its
         ends veth and seven digits, and moves the other one inside, where it becomes eth0.",
        &[man("veth", 4), man("rtnetlink", 7), man("ip-link", 8)],
    );
    stage.try_it(stage.nsenter("-n", "ip -brief link")?, "the host's end, with its peer's number behind @");
    stage.try_it(stage.scene().nsenter(pid, "-n", "ip -brief link"), "the container's end");
    stage.pause("a cable that is plugged in at both ends, and still off")?;
    Ok(container)
}
// ANCHOR_END: a_cable

/// What the container does. Between its phases the host acts.
fn life(inside: &mut Stage) -> Result<()> {
    inside.hold()?;
    configure(inside)?;
    inside.hold()?;
    let client = datagram_socket()?;
    bind(client.as_fd(), everywhere(CLIENT))?;
    sendto(client.as_fd(), "hello", SERVICE)?;
    inside.hold()?;
    let refused = sendto(client.as_fd(), "still there?", SERVICE).refused();
    inside.check("nothing can be sent").expect(Errno::ENETUNREACH).saw((refused, "sendto()"))
}

// ANCHOR: an_address
fn configure(inside: &mut Stage) -> Result<()> {
    let client = datagram_socket()?;
    let refused = sendto(client.as_fd(), "hello", SERVICE).refused();
    inside.check("a cable alone leads nowhere").expect(Errno::ENETUNREACH).saw((refused, "sendto()"))?;
    set_up(INSIDE)?;
    add_address(INSIDE, CONTAINER, PREFIX)?;
    inside.check("with both ends up it is live").expect("up").saw(&carrier(INSIDE)?)
}

fn an_address(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("an address brings a route");
    stage.say("The cable is there, and nobody has an address yet. The host brings its end up, then the container its own.");
    set_up(OUTSIDE)?;
    add_address(OUTSIDE, HOST, PREFIX)?;
    let pid = container.pid();
    let before = (local_addresses(pid)?, routes(pid)?);
    let guess = stage.predict(
        "The container gives eth0 an address, 10.9.0.2/24, and no route. How many routes does it have then?",
        &["none", "one"],
    );

    container.go_on();

    let after = (local_addresses(pid)?, routes(pid)?);
    stage
        .state("the container")
        .compare(&before.0.labelled("addresses"), &after.0.clone().labelled("addresses"), "its own")
        .compare(&before.1.labelled("routes"), &after.1.clone().labelled("routes"), "to 10.9.0.0/24")
        .show();
    stage.check("the address is there").expect(CONTAINER.to_string()).saw(&after.0)?;
    stage.check("and a route that nobody has asked for").expect(1).saw(&after.1)?;
    stage.reveal(
        guess,
        if after.1.text == "0" { "none" } else { "one" },
        "/24 says that whoever has the same first 24 bits is on the same cable. So the kernel adds the route itself:
         10.9.0.0/24 by eth0. What it cannot know is a way to all the others, the default route.",
    )?;
    stage.why(
        "Before, sendto() said ENETUNREACH at once, without a packet: no route fits. With a route and nobody at its end
         the kernel would ask three times, a second apart, and give up: EHOSTUNREACH.",
        &[man("ip-address", 8), man("ip-route", 8), man("rtnetlink", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(pid, "-n", "ip route"),
        "the route, and who has added it: proto kernel",
    );
    stage.pause("both ends are up and have addresses; nothing was sent yet")
}
// ANCHOR_END: an_address

// ANCHOR: a_packet
fn a_packet(stage: &mut Stage, container: &mut Child) -> Result<()> {
    stage.step("a packet, seen on its way");
    stage.say(
        "Now the container sends one datagram of UDP to the host. The host listens twice: as the receiver, on port 80,
         and as an eavesdropper, at its end of the cable.",
    );
    let guess = stage.predict(
        "Which is the first frame that crosses the cable?",
        &["the datagram", "a question to all, by ARP", "a handshake"],
    );
    let pid = container.pid();
    let service = datagram_socket()?;
    bind(service.as_fd(), SERVICE)?;
    let tap = capture(OUTSIDE)?;
    let before = packets(pid, INSIDE)?;

    container.go_on();
    let (text, from) = recvfrom(service.as_fd())?;
    let frames = frame::until(&tap, |frame| frame.datagram().is_some())?;

    let shown: Vec<String> = frames.iter().map(ToString::to_string).collect();
    stage.output(&format!("captured at {OUTSIDE}"), &shown.join("\n"));
    stage.check("the host has received it").expect("hello").saw((text, "recvfrom()"))?;
    stage
        .check("from the container's address")
        .expect(CONTAINER.to_string())
        .saw((from.ip().to_string(), "recvfrom()"))?;
    let first = &frames[0];
    let asks = matches!(first.content, Content::ArpRequest { sender: CONTAINER, target: HOST });
    stage
        .check("before it the container asked who has 10.9.0.1")
        .saw((asks && first.is_broadcast(), "the capture"))?;
    let sender = frames.iter().find(|frame| frame.datagram().is_some()).map(|frame| frame.source.to_string());
    stage
        .check("the datagram was in a frame from eth0's hardware address")
        .expect(INSIDE_MAC.to_string())
        .saw((sender.unwrap_or_default(), "the capture"))?;
    stage.reveal(
        guess,
        if asks { "a question to all, by ARP" } else { "the datagram" },
        "Frames go to hardware addresses, and the container knows the IP address only. So it asks everybody on the cable,
         keeps the answer in its neighbour table, and then sends what it wanted to send.",
    )?;
    let after = packets(pid, INSIDE)?;
    let ends = until(
        || {
            let ([received, _], [_, sent]) = (packets("self", OUTSIDE)?, packets(pid, INSIDE)?);
            let same = received.text == sent.text;
            let text = if same { "the same" } else { "not the same" };
            Ok::<_, crate::probe::Unreadable>(Reading::new(
                "ends",
                format!("{}, {}", sent.source, received.source),
                text,
            ))
        },
        |ends| ends.text == "the same",
    )?;
    stage
        .state("packets, counted by the container")
        .compare(&before[1].clone().varying(), &after[1].clone().varying(), "question, datagram")
        .compare(&before[0].clone().varying(), &after[0].clone().varying(), "the answer")
        .show();
    stage.check("what one end has sent, the other has received").expect("the same").saw(&ends)?;
    stage.why(
        "There is no wire and no buffer between the ends: veth gives the same packet, not a copy of it, to the peer's
         receive queue. That is why a pair costs little, and why tcpdump on the host shows a container's traffic.",
        &[man("packet", 7), man("arp", 7), man("veth", 4)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-n", "ip neighbour"), "the answer, kept: who has 10.9.0.1");
    stage.try_it(format!("cat /proc/{pid}/net/dev"), "the counters");
    stage.pause("the container has its neighbour's hardware address")
}
// ANCHOR_END: a_packet

// ANCHOR: unplugged
fn unplugged(stage: &mut Stage, container: Child) -> Result<()> {
    stage.step("pulling the plug");
    stage.say("At last the host deletes its end, while the container is running.");
    let pid = container.pid();
    let guess = stage.predict(
        "veth-web is deleted on the host. What becomes of eth0 in the container?",
        &["it is there, without a carrier", "it is gone", "it stays as it is"],
    );
    let before = interfaces(pid)?;
    delete(OUTSIDE)?;
    let after = interfaces(pid)?;
    stage
        .state("interfaces")
        .compare(&before.labelled("container"), &after.clone().labelled("container"), "")
        .show();
    let gone = !has(&after, INSIDE);
    stage.check("the container's end went with it").saw((gone, &after.source))?;
    stage.reveal(
        guess,
        if gone { "it is gone" } else { "it stays as it is" },
        "A pair lives and dies together. It works the other way round, too: when a container's last process ends, its
         network namespace goes, and with it eth0, and with that the end on the host. Nobody has to clean up.",
    )?;
    stage.why(
        "The address and the route went with the interface. A container that has lost its network while it runs is one
         whose end on the host somebody has deleted: `docker network disconnect` does just that.",
        &[man("veth", 4), kernel_doc("Network namespaces and devices", "networking/netdevices")],
    );
    stage.try_it(stage.scene().nsenter(pid, "-n", "cat /proc/net/dev"), "no eth0 any more");
    stage.pause("a container whose cable is gone")?;
    container.finish()
}
// ANCHOR_END: unplugged

/// Whether an interface is among those that were read.
fn has(interfaces: &Reading, name: &str) -> bool {
    interfaces.text.split([' ', ',']).any(|word| word == name)
}
