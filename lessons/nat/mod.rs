//! Address translation: how containers get out, and how somebody gets in.

mod lab;
mod parties;

use crate::event::{kernel_doc, man};
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_address, add_veth, set_up};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::{IP_FORWARD, Ipv4Addr, SocketAddrV4, forward_packets};
use crate::kernel::nftables::{Protocol, masquerade, publish};
use crate::kernel::packet::{Capture, capture};
use crate::kernel::process::Clone3;
use crate::machine::Need;
use crate::probe::file;
use crate::probe::frame::{self, Frame};
use crate::probe::net::filter_rules;
use crate::stage::{Child, Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "nat",
    title: "Out, and in again",
    minutes: 10,
    builds_on: &["bridge"],
    steps: 3,
    needs: &[Need::Namespace(Kind::Net), Need::Link(LinkKind::Veth), Need::Nat],
    run,
    lab: lab::LAB,
};

/// The host has two sides: one to the container, one to the world.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const TO_CONTAINER: &str = "veth-web";
const TO_WORLD: &str = "wan";

/// The service in the container, and the port of the host at which it is published.
const CONTAINER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const SERVICE: SocketAddrV4 = SocketAddrV4::new(CONTAINER, 80);
const PUBLISHED: u16 = 8080;

/// Somebody out there.
const WORLD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

fn run(stage: &mut Stage) -> Result<()> {
    let (mut container, mut world) = no_way_back(stage)?;
    masqueraded(stage, &mut container, &mut world)?;
    published(stage, container, world)
}

// ANCHOR: no_way_back
fn no_way_back(stage: &mut Stage) -> Result<(Child, Child)> {
    stage.step("there, and no way back");
    stage.say(
        "Three parties: a container, its host, and somebody in the world outside. Each is a network namespace of this
         lesson. The container has a cable to the host and a default route, the host has a cable to the world, and passes
         packets on.",
    );
    let guess = stage.predict(
        "The container sends a datagram into the world, with its own address 10.9.0.2. What happens?",
        &["it does not arrive", "it arrives, and cannot be answered", "it arrives and is answered"],
    );
    unshare(&[Kind::Net])?;
    let mut container = stage.child("container", Clone3::new().newnet(), parties::container)?;
    let mut world = stage.child("world", Clone3::new().newnet(), |inside| parties::world(inside, guess))?;
    connect(TO_CONTAINER, GATEWAY, CONTAINER, &mut container)?;
    connect(TO_WORLD, HOST, WORLD, &mut world)?;
    forward_packets()?;
    stage.check("the host is a router").expect(1).saw(&file(IP_FORWARD)?)?;

    container.go_on(); // sends
    world.go_on(); // receives it, and tries to answer

    stage.why(
        "A container needs a default route by the host, and the host has to forward: /proc/sys/net/ipv4/ip_forward. Docker
         switches that on for the whole machine, which makes it a router between all its networks; so it also sets the
         policy of the chain forward to drop, and allows its own.",
        &[kernel_doc("IP sysctl", "networking/ip-sysctl"), man("ip-route", 8)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-n", "ip route"), "the container's two routes");
    stage.try_it(stage.scene().nsenter(world.pid(), "-n", "ip route"), "the world's only one");
    stage.pause("packets get out, and answers do not come back")?;
    Ok((container, world))
}

/// A cable from the host to somebody, with an address at each end.
fn connect(name: &str, near: Ipv4Addr, far: Ipv4Addr, who: &mut Child) -> Result<()> {
    let mac = |address: Ipv4Addr| {
        let [_, _, c, d] = address.octets();
        Mac([2, 0x42, address.octets()[0], 0, c, d])
    };
    add_veth(name, mac(near), &End { name: "eth0", mac: mac(far), inside: Some(who.pid()) })?;
    add_address(name, near, 24)?;
    set_up(name)?;
    who.go_on();
    Ok(())
}
// ANCHOR_END: no_way_back

// ANCHOR: masqueraded
fn masqueraded(stage: &mut Stage, container: &mut Child, world: &mut Child) -> Result<()> {
    stage.step("behind the host's address");
    stage.say(
        "What goes out by wan shall carry the host's address: a rule in a chain that is asked after routing. The same
         datagram once more; we listen on both sides of the host.",
    );
    let before = filter_rules()?;
    masquerade("glass", TO_WORLD)?;
    let after = filter_rules()?;
    stage.state("the host's packet filter").compare(&before, &after, "a program of three steps").show();
    stage.check("the rule is there").expect("postrouting: meta cmp masq").saw(&after)?;
    let guess = stage.predict(
        "The container sends as before. Which sender does the world see?",
        &["10.9.0.2, the container", "203.0.113.1, the host"],
    );
    let taps = [capture(TO_CONTAINER)?, capture(TO_WORLD)?];

    container.go_on(); // sends
    world.go_on(); // receives it, and answers
    container.go_on(); // receives the answer

    let [inside, outside] = [datagram(&taps[0], "hello")?, datagram(&taps[1], "hello")?];
    show(stage, &taps[0], &inside);
    show(stage, &taps[1], &outside);
    stage
        .check("at the container's cable the sender is the container")
        .expect(CONTAINER.to_string())
        .saw(sender(&inside))?;
    stage.check("at the world's cable it is the host").expect(HOST.to_string()).saw(sender(&outside))?;
    stage.reveal(
        guess,
        if sender(&outside).0 == HOST.to_string() { "203.0.113.1, the host" } else { "10.9.0.2, the container" },
        "The host writes its own address over the sender's, and remembers that it did. The answer to that port is then
         given back to the container: for this there is no rule, but the table of connections.",
    )?;
    stage.why(
        "Only the first packet of a connection goes through the rules. What was decided for it is kept by the connection
         tracking and is done to all that follow, in both directions. It is also why a thousand containers can share
         one address: the ports tell them apart.",
        &[man("nft", 8), kernel_doc("Connection tracking sysctl", "networking/nf_conntrack-sysctl")],
    );
    stage.try_it(stage.nsenter("-n", "nft list ruleset")?, "the rule, as nft writes it");
    stage.pause("the container talks to the world, behind the host's address")
}
// ANCHOR_END: masqueraded

// ANCHOR: published
fn published(stage: &mut Stage, mut container: Child, mut world: Child) -> Result<()> {
    stage.step("a published port");
    stage.say(
        "The other way round: the world knows the host's address only. docker run -p 8080:80/udp leads port 8080 of the
         host to port 80 of the container: a rule in a chain that is asked before routing.",
    );
    container.go_on(); // its service begins to listen
    let before = filter_rules()?;
    publish("glass", Protocol::Udp, PUBLISHED, SERVICE)?;
    let after = filter_rules()?;
    stage.state("the host's packet filter").compare(&before, &after, "one more").show();
    let published = after.text.contains("prerouting: meta cmp payload cmp immediate immediate nat");
    stage.check("the rule is there").saw((published, &after.source))?;
    let guess = stage.predict(
        "The world asks 203.0.113.1:8080. Who asks, as the service in the container sees it?",
        &["10.9.0.1, the host", "203.0.113.9, the world"],
    );
    let taps = [capture(TO_WORLD)?, capture(TO_CONTAINER)?];

    world.go_on(); // asks
    container.go_on(); // answers
    world.go_on(); // receives the answer

    let [outside, inside] = [datagram(&taps[0], "who are you?")?, datagram(&taps[1], "who are you?")?];
    show(stage, &taps[0], &outside);
    show(stage, &taps[1], &inside);
    stage.check("it was sent to the host").expect(HOST.to_string()).saw(receiver(&outside))?;
    stage.check("and arrives at the container").expect(CONTAINER.to_string()).saw(receiver(&inside))?;
    stage.check("its sender is still the world").expect(WORLD.to_string()).saw(sender(&inside))?;
    stage.reveal(
        guess,
        if sender(&inside).0 == WORLD.to_string() { "203.0.113.9, the world" } else { "10.9.0.1, the host" },
        "Only the destination is written over, so the service sees who asks. Where all clients seem to have the gateway's
         address, a proxy was in between: Docker's own for a connection from the host itself, rootless engines for all.",
    )?;
    stage.why(
        "The chain prerouting is not asked for what the host itself sends. For that Docker has a rule in output, too, and a
         small proxy. And a published port passes by the rules of the chain input, for the packet is forwarded: a firewall
         that closes 8080 there does not close it.",
        &[man("nft", 8), man("ip", 7)],
    );
    stage.try_it(stage.nsenter("-n", "nft list ruleset")?, "both rules");
    stage.pause("a service in the container answers at a port of the host")?;
    container.finish()?;
    world.finish()
}
// ANCHOR_END: published

/// The frame with this text.
fn datagram(tap: &Capture, text: &str) -> Result<Frame> {
    let is_it = |frame: &Frame| frame.datagram().is_some_and(|(_, _, found)| found == text);
    let frames = frame::until(tap, is_it)?;
    Ok(frames[frames.len() - 1].clone())
}

fn show(stage: &Stage, tap: &Capture, frame: &Frame) {
    stage.output(&format!("captured at {}", tap.interface()), &frame.to_string());
}

fn sender(frame: &Frame) -> (String, &'static str) {
    (frame.datagram().map(|(from, _, _)| from.to_string()).unwrap_or_default(), "the capture")
}

fn receiver(frame: &Frame) -> (String, &'static str) {
    (frame.datagram().map(|(_, to, _)| to.to_string()).unwrap_or_default(), "the capture")
}
