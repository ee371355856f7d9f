//! macvlan: containers with hardware addresses of their own on the host's segment.

mod lab;
mod parties;

use std::os::fd::AsFd;

use crate::event::man;
use crate::kernel::link::{Kind as LinkKind, Mac, add_address, add_macvlan, add_veth, set_up};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::{
    Ipv4Addr, SocketAddrV4, datagram_socket, loopback_up, recvfrom, report_errors, sendto,
};
use crate::kernel::packet::capture;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::frame;
use crate::probe::net::{carrier, link, neighbours};
use crate::stage::{Child, Lesson, Result, Stage};
use parties::{PORT, Party};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "macvlan",
    title: "An address on the segment",
    minutes: 8,
    builds_on: &["veth"],
    steps: 3,
    needs: &[Need::Namespace(Kind::Net), Need::Link(LinkKind::Veth), Need::Link(LinkKind::Macvlan)],
    run,
    lab: lab::LAB,
};

/// The host's own interface, the parent of all.
const PARENT: &str = "lan0";
const PARENT_MAC: Mac = Mac([2, 0x42, 192, 0, 2, 1]);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

const NEIGHBOUR: Party = Party { name: "neighbour", number: 9 };
const WEB: Party = Party { name: "web", number: 11 };
const DB: Party = Party { name: "db", number: 12 };

fn run(stage: &mut Stage) -> Result<()> {
    let [mut neighbour, mut web, mut db] = own_addresses(stage)?;
    parent_and_child(stage, &web)?;
    neighbours_meet(stage, [&mut neighbour, &mut web, &mut db])?;
    [neighbour, web, db].into_iter().try_for_each(Child::finish)
}

// ANCHOR: own_addresses
fn own_addresses(stage: &mut Stage) -> Result<[Child; 3]> {
    stage.step("three addresses on one cable");
    stage.say(
        "The host has one cable, lan0, into a segment with a neighbour. Two containers shall be on that segment as if each
         had a cable of its own: no bridge, no address translation, and a hardware address for each.",
    );
    unshare(&[Kind::Net])?;
    loopback_up()?; // by it the kernel tells a sender what became of his packet
    let mut neighbour =
        stage.child(NEIGHBOUR.name, Clone3::new().newnet(), |inside| parties::receives(inside, NEIGHBOUR))?;
    add_veth(PARENT, PARENT_MAC, &NEIGHBOUR.end(neighbour.pid()))?;
    add_address(PARENT, HOST, 24)?;
    set_up(PARENT)?;
    neighbour.go_on();
    stage.backstage(|| carrier(PARENT))?;
    // Whoever does not answer is given up sooner. In a user namespace there is no such setting.
    if !stage.scene().mode.is_rootless() {
        stage.backstage(|| fs::write(format!("/proc/sys/net/ipv4/neigh/{PARENT}/retrans_time_ms"), "100"))?;
    }

    let mut web = stage
        .child(WEB.name, Clone3::new().newnet(), |inside| parties::sends(inside, WEB, &[NEIGHBOUR, DB]))?;
    let mut db = stage.child(DB.name, Clone3::new().newnet(), |inside| parties::receives(inside, DB))?;
    add_macvlan(PARENT, &WEB.end(web.pid()))?;
    web.go_on();
    add_macvlan(PARENT, &DB.end(db.pid()))?;
    db.go_on();

    let parent = link(PARENT)?;
    let mac = parent.mac.map(|mac| mac.to_string()).unwrap_or_default();
    stage
        .check("the host's interface has kept its address")
        .expect(PARENT_MAC.to_string())
        .saw((mac, "RTM_GETLINK lan0"))?;
    stage
        .check("it is no port of a bridge")
        .expect(false)
        .saw((parent.master.is_some(), "RTM_GETLINK lan0"))?;
    stage.why(
        "A macvlan interface is a second name plate on the same door. What comes in at lan0 is looked at: is it for the
         address of one of the children, then it is given to that one, in whatever network namespace it is.",
        &[man("ip-link", 8), man("rtnetlink", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(web.pid(), "-n", "ip -details link show eth0"),
        "macvlan, in mode bridge",
    );
    stage.pause("two containers are on the host's segment")?;
    Ok([neighbour, web, db])
}
// ANCHOR_END: own_addresses

// ANCHOR: parent_and_child
fn parent_and_child(stage: &mut Stage, web: &Child) -> Result<()> {
    stage.step("parent and child");
    stage.say(
        "The host and the container web are on one segment: 192.0.2.1 and 192.0.2.11. The host sends a datagram to port 9 of
         web, where nobody listens, and waits for what comes back. Who is reached says ECONNREFUSED.",
    );
    let guess = stage.predict(
        "What comes back?",
        &["ECONNREFUSED: web is reached", "EHOSTUNREACH, after three questions"],
    );
    let client = datagram_socket()?;
    report_errors(client.as_fd())?;
    const CLOSED: u16 = 9;
    sendto(client.as_fd(), "hello", SocketAddrV4::new(WEB.address(), CLOSED))?;
    let refused = recvfrom(client.as_fd()).refused();
    stage
        .check("the host does not reach the container")
        .expect(Errno::EHOSTUNREACH)
        .saw((refused, "recvfrom()"))?;
    stage.reveal(
        guess,
        if refused == Some(Errno::EHOSTUNREACH) {
            "EHOSTUNREACH, after three questions"
        } else {
            "ECONNREFUSED: web is reached"
        },
        "What the host sends by lan0 goes out by the cable. The kernel asks the children only about what comes in there. So
         the host's question who has 192.0.2.11 reaches everybody on the segment but the containers on the host itself.",
    )?;
    let arp = neighbours("self")?;
    let known = arp.text.contains(&WEB.mac().to_string());
    stage.check("nobody has answered the host's question").expect(false).saw((known, &arp.source))?;
    stage.why(
        "It is so by design, and the most frequent surprise with Docker's macvlan networks: a monitoring program on the host
         reaches every machine but its own containers. The way round is a macvlan interface for the host itself, beside
         those of the containers.",
        &[man("ip-link", 8), man("arp", 7)],
    );
    stage.try_it(stage.nsenter("-n", "ip neighbour")?, "asked in vain: FAILED, or INCOMPLETE");
    stage.try_it(stage.scene().nsenter(web.pid(), "-n", "ip -brief address"), "web has its address");
    stage.pause("the host has asked three times, and given up")
}
// ANCHOR_END: parent_and_child

// ANCHOR: neighbours_meet
fn neighbours_meet(stage: &mut Stage, [neighbour, web, db]: [&mut Child; 3]) -> Result<()> {
    stage.step("neighbours meet");
    stage.say(
        "Now web sends a datagram to the neighbour, and one to db, the other container. We listen at lan0.",
    );
    let guess = stage.predict(
        "From which hardware address does the neighbour get the datagram?",
        &["from lan0's, the host's", "from web's own"],
    );
    let tap = capture(PARENT)?;

    web.go_on(); // sends to the neighbour
    neighbour.go_on(); // receives
    let to_neighbour =
        |frame: &frame::Frame| frame.datagram().is_some_and(|(_, to, _)| to == NEIGHBOUR.address());
    let frames = frame::until(&tap, to_neighbour)?;
    let shown: Vec<String> = frames.iter().map(ToString::to_string).collect();
    stage.output(&format!("captured at {PARENT}"), &shown.join("\n"));
    let sender = frames.iter().find(|frame| to_neighbour(frame)).map(|frame| frame.source.to_string());
    let sender = sender.unwrap_or_default();
    stage
        .check("the datagram comes from web's own address")
        .expect(WEB.mac().to_string())
        .saw((&sender, "the capture"))?;
    let arp = neighbours(neighbour.pid())?;
    let entry = format!("{} {}", WEB.address(), WEB.mac());
    stage.check("which the neighbour knows").saw((arp.text.contains(&entry), &arp.source))?;
    stage.reveal(
        guess,
        if sender == WEB.mac().to_string() { "from web's own" } else { "from lan0's, the host's" },
        "For the segment web is one more machine. So the router gives it an address of its own by DHCP, and a firewall can
         tell it from the host. And a switch or a cloud that allows one address for each port locks it out.",
    )?;

    web.go_on(); // sends to db
    db.go_on(); // receives
    stage.why(
        "web and db have the same parent, and talk past the cable: mode bridge. In mode private they do not reach each
         other, in mode vepa their frames go to the switch and have to come back from there. ipvlan does the same with a
         single hardware address, and tells the containers apart by IP.",
        &[man("ip-link", 8), man("packet", 7)],
    );
    stage.try_it(
        stage.scene().nsenter(neighbour.pid(), "-n", "ip neighbour"),
        "web, as the neighbour knows it",
    );
    stage.pause(&format!("the neighbour and db have got what web has sent to port {PORT}"))
}
// ANCHOR_END: neighbours_meet
