//! VXLAN: one network over two hosts, in packets of another one.

mod lab;
mod parties;

use crate::event::{Source, kernel_doc, man};
use crate::kernel::link::{End, Kind as LinkKind, Mac, VXLAN_PORT, add_address, add_veth, add_vxlan, set_up};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::Ipv4Addr;
use crate::kernel::packet::capture;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::frame::{self, Frame};
use crate::probe::net::{carrier, link, local_addresses, neighbours};
use crate::stage::{Child, Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "vxlan",
    title: "One network over two hosts",
    minutes: 10,
    builds_on: &["bridge"],
    steps: 3,
    needs: &[Need::Namespace(Kind::Net), Need::Link(LinkKind::Veth), Need::Link(LinkKind::Vxlan)],
    run,
    lab: lab::LAB,
};

/// The cable between the hosts, and their addresses.
const CABLE: &str = "lan0";
const FIRST_HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SECOND_HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A container on each of them, in one network.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 5, 0, 2);
const FIRST_MAC: Mac = Mac([2, 0x42, 10, 5, 0, 1]);
const SECOND_MAC: Mac = Mac([2, 0x42, 10, 5, 0, 2]);

/// The number of the network.
const ID: u32 = 42;

/// Outer Ethernet, IP, UDP and VXLAN: what is put around each frame.
const WRAPPING: usize = ETHERNET + 20 + 8 + 8;
const ETHERNET: usize = 14;

/// The longest packet that an interface takes which nobody has told anything else.
const MTU: u32 = 1500;

fn run(stage: &mut Stage) -> Result<()> {
    let mut parties = two_hosts(stage)?;
    a_frame_in_a_datagram(stage, &mut parties)?;
    room_for_the_wrapping(stage, parties)
}

/// The second host, and the container of each.
struct Parties {
    host: Child,
    first: Child,
    second: Child,
}

// ANCHOR: two_hosts
fn two_hosts(stage: &mut Stage) -> Result<Parties> {
    stage.step("two hosts, one network");
    stage.say(
        "Two hosts with a cable between them, and on each of them a container: four network namespaces. The containers shall
         be in one network, 10.5.0.0/24, as if they were on one bridge. Between them is the hosts' network, which knows
         nothing of that one.",
    );
    unshare(&[Kind::Net])?;
    let first =
        stage.child("first", Clone3::new().newnet(), |inside| parties::container(inside, FIRST, SECOND))?;
    let second =
        stage.child("second", Clone3::new().newnet(), |inside| parties::container(inside, SECOND, FIRST))?;
    let its_container = second.pid();
    let mut host =
        stage.child("host2", Clone3::new().newnet(), |inside| parties::host(inside, its_container))?;
    let far = End { name: CABLE, mac: Mac([2, 0x42, 192, 0, 2, 2]), inside: Some(host.pid()) };
    add_veth(CABLE, Mac([2, 0x42, 192, 0, 2, 1]), &far)?;
    add_address(CABLE, FIRST_HOST, 24)?;
    set_up(CABLE)?;
    host.go_on(); // the same at the other end
    let mut parties = Parties { host, first, second };

    let end = |pid| End { name: "eth0", mac: FIRST_MAC, inside: Some(pid) };
    add_vxlan(&end(parties.first.pid()), ID, FIRST_HOST, SECOND_HOST)?;
    stage.check("the cable between the hosts is live").expect("up").saw(&carrier(CABLE)?)?;
    parties.first.go_on();
    parties.second.go_on();

    let own = (local_addresses("self")?, local_addresses(parties.first.pid())?);
    stage
        .side_by_side("addresses", "host", "container")
        .compare(&own.0, &own.1.clone().labelled("first"), "two networks")
        .show();
    stage.check("the container is in its own network").expect(FIRST.to_string()).saw(&own.1)?;
    let guess = stage.predict(
        "One more vxlan with the number 42 is made on the same host. The kernel says",
        &["0: it joins the first one", "EEXIST"],
    );
    let twice = End { name: "again", mac: Mac([2, 0, 0, 0, 0, 9]), inside: None };
    let refused = add_vxlan(&twice, ID, FIRST_HOST, SECOND_HOST).refused();
    stage
        .check("a number is there once for each host")
        .expect(Errno::EEXIST)
        .saw((refused, "RTM_NEWLINK"))?;
    stage.reveal(
        guess,
        if refused.is_some() { "EEXIST" } else { "0: it joins the first one" },
        "What arrives at the host's UDP port carries a number and nothing else that says for whom it is. So there is one
         interface for each number. A bridge behind it is for many containers.",
    )?;
    stage.why(
        "The interface was made by the host and sits in the container. Its tunnel stays with the network namespace in which
         it was made: it sends and receives by the host's cable, while the container sees nothing but eth0. Docker does so
         with a hidden namespace for each overlay network.",
        &[kernel_doc("VXLAN", "networking/vxlan"), man("ip-link", 8), rfc()],
    );
    stage.try_it(
        stage.scene().nsenter(parties.first.pid(), "-n", "ip -details link show eth0"),
        "the number, and both hosts",
    );
    stage.try_it(stage.nsenter("-n", "ip -brief address")?, "the first host: nothing of 10.5.0.0/24");
    stage.pause("a network over two hosts, of which the hosts' cable knows nothing")?;
    Ok(parties)
}
// ANCHOR_END: two_hosts

// ANCHOR: a_frame_in_a_datagram
fn a_frame_in_a_datagram(stage: &mut Stage, parties: &mut Parties) -> Result<()> {
    stage.step("a frame in a datagram");
    stage.say(
        "The first container sends \"hello\" to the second one. We listen at the cable between the hosts.",
    );
    let guess = stage.predict(
        "A frame of the containers crosses the hosts' cable. How many bytes longer is it there?",
        &["none", "8: a VXLAN header", "50"],
    );
    let tap = capture(CABLE)?;

    parties.first.go_on();
    parties.second.go_on();

    let carries = |frame: &Frame| frame.inner().is_some_and(|(_, inner)| inner.datagram().is_some());
    let frames = frame::until(&tap, carries)?;
    let outer = frames.iter().rfind(|frame| carries(frame)).cloned();
    let Some(outer) = outer else { return Ok(()) };
    stage.output(&format!("captured at {CABLE}"), &outer.to_string());
    let from = "the capture";
    let hosts = outer.addresses().map(|(source, destination)| format!("{source} {destination}"));
    stage
        .check("outside it goes from host to host")
        .expect(format!("{FIRST_HOST} {SECOND_HOST}"))
        .saw((hosts.unwrap_or_default(), from))?;
    stage.check("by UDP, to the port of VXLAN").expect(u32::from(VXLAN_PORT)).saw((port(&outer), from))?;
    let Some((id, inner)) = outer.inner() else { return Ok(()) };
    stage.check("it carries the number of the network").expect(ID).saw((id, from))?;
    let containers =
        inner.datagram().map(|(source, destination, text)| format!("{source} {destination} {text}"));
    stage
        .check("inside is the containers' frame")
        .expect(format!("{FIRST} {SECOND} hello"))
        .saw((containers.unwrap_or_default(), from))?;
    let more = outer.length - inner.length;
    stage.check("which has become longer by").expect(WRAPPING).saw((more, from))?;
    stage.reveal(
        guess,
        match more {
            0 => "none",
            8 => "8: a VXLAN header",
            _ => "50",
        },
        "8 bytes of VXLAN with the number, 8 of UDP, 20 of IP, and 14 of a whole new Ethernet header. All of the inner
         frame, with its own Ethernet header, is what the datagram carries.",
    )?;
    let arp = neighbours("self")?;
    let knows = arp.text.contains(&SECOND_MAC.to_string());
    stage
        .check("the first host does not know the second container")
        .expect(false)
        .saw((knows, &arp.source))?;
    stage.why(
        "For the cable, and every router in between, this is a datagram like any other. That is the point of an overlay: it
         needs nothing of the network below but that the hosts reach each other by UDP. It is also no protection: whoever
         can read the cable reads the frames. Docker has `--opt encrypted` for that, which adds IPsec.",
        &[kernel_doc("VXLAN", "networking/vxlan"), rfc(), man("packet", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(parties.first.pid(), "-n", "bridge fdb show dev eth0"),
        "where frames for the unknown go",
    );
    stage.pause("the second container has the text")
}

/// The UDP port that a frame is for.
fn port(frame: &Frame) -> u32 {
    frame.ports().map_or(0, |(_, to)| to.into())
}

/// Where the protocol is written down.
fn rfc() -> Source {
    Source { name: "RFC 7348".into(), url: "https://www.rfc-editor.org/rfc/rfc7348.html".into() }
}
// ANCHOR_END: a_frame_in_a_datagram

// ANCHOR: room_for_the_wrapping
fn room_for_the_wrapping(stage: &mut Stage, mut parties: Parties) -> Result<()> {
    stage.step("room for the wrapping");
    stage.say(
        "A cable takes packets up to its MTU, here 1500 bytes. The first container now sends the longest packet that its eth0
         takes. Wrapped it is 50 bytes longer.",
    );
    let guess = stage.predict(
        "The longest packet of the container's eth0 crosses the hosts' cable",
        &["as one frame: eth0 takes 1450 bytes", "in two pieces: eth0 takes 1500 bytes"],
    );
    let cable = link(CABLE)?.mtu;
    stage.check("the cable takes packets of").expect(MTU).saw((cable, "RTM_GETLINK lan0"))?;
    let tap = capture(CABLE)?;

    parties.first.go_on(); // sends as much as it may
    parties.second.go_on();

    let frames = frame::until(&tap, |frame| frame.fragment().is_some_and(|at| at > 0))?;
    let pieces: Vec<&Frame> = frames.iter().filter(|frame| frame.fragment().is_some()).collect();
    let shown: Vec<String> = pieces.iter().map(|piece| piece.to_string()).collect();
    stage.output(&format!("captured at {CABLE}"), &shown.join("\n"));
    stage.check("it takes two frames").expect(2).saw((pieces.len(), "the capture"))?;
    stage.reveal(
        guess,
        if pieces.len() > 1 { "in two pieces: eth0 takes 1500 bytes" } else { "as one frame: eth0 takes 1450 bytes" },
        "Nobody has told the kernel by which cable the tunnel is going to leave, so the interface began with 1500, as all do.
         The host cuts each long packet in two, and the other host puts them together: twice the work for everything, and
         where a router on the way lets no pieces through, connections open and then stand still.",
    )?;

    stage.say("The right way: 50 bytes less inside.");
    parties.first.go_on();
    parties.second.go_on();
    let wrapped = |frame: &Frame| frame.inner().is_some_and(|(_, inner)| inner.datagram().is_some());
    let frames = frame::until(&tap, wrapped)?;
    let length =
        frames.iter().filter(|frame| wrapped(frame)).map(|frame| frame.length).max().unwrap_or_default();
    stage
        .check("the longest packet now just fills the cable")
        .expect(MTU as usize)
        .saw((length - ETHERNET, "the capture"))?;
    stage.why(
        "With the cable named (`ip link add … dev eth0`) the kernel takes the 50 bytes off itself. Docker and Kubernetes'
         plugins set 1450. In clouds the cable may take less, for the provider wraps, too: Docker's option for it is
         com.docker.network.driver.mtu. The alternative is to wrap nothing and to route, as Calico or Flannel's host-gw do.",
        &[kernel_doc("VXLAN", "networking/vxlan"), man("ip-link", 8)],
    );
    stage.try_it(stage.scene().nsenter(parties.first.pid(), "-n", "ip link show eth0"), "mtu 1450");
    stage.pause("the longest packet crosses in one piece")?;
    parties.first.finish()?;
    parties.second.finish()?;
    parties.host.finish()
}
// ANCHOR_END: room_for_the_wrapping
