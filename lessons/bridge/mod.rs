//! A bridge: the switch between the containers of a host.

mod lab;
mod neighbour;

use crate::event::{kernel_doc, man};
use crate::kernel::link::{
    End, Kind as LinkKind, Mac, add_address, add_bridge, add_veth, set_master, set_up,
};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::Ipv4Addr;
use crate::kernel::packet::capture;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::net::{bridge_of, carrier, forwarding, in_hosts_file, neighbours, port_state};
use crate::probe::{Reading, frame, until};
use crate::stage::{Child, Lesson, Result, Stage};
use neighbour::Neighbour;

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "bridge",
    title: "A switch made of software",
    minutes: 9,
    builds_on: &["veth"],
    steps: 3,
    needs: &[
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Mnt),
        Need::Link(LinkKind::Veth),
        Need::Link(LinkKind::Bridge),
    ],
    run,
    lab: lab::LAB,
};

const BRIDGE: &str = "br0";
const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const HOST_MAC: Mac = Mac([2, 0x42, 10, 9, 0, 1]);

/// Who is on the bridge.
const WEB: Neighbour = Neighbour { name: "web", port: "veth-web", number: 2 };
const DB: Neighbour = Neighbour { name: "db", port: "veth-db", number: 3 };
const CACHE: Neighbour = Neighbour { name: "cache", port: "veth-cache", number: 4 };
const ALL: [Neighbour; 3] = [WEB, DB, CACHE];

fn run(stage: &mut Stage) -> Result<()> {
    let mut containers = a_switch(stage)?;
    who_hears_what(stage, &mut containers)?;
    everybody(stage, containers)
}

// ANCHOR: a_switch
fn a_switch(stage: &mut Stage) -> Result<Vec<Child>> {
    stage.step("three cables, one switch");
    stage.say(
        "A cable connects two. For three containers there is a switch: a bridge, an interface to which others become ports.
         It is on the host, which in this lesson is a network namespace made for it.",
    );
    unshare(&[Kind::Net])?;
    add_bridge(BRIDGE, HOST_MAC)?;
    add_address(BRIDGE, HOST, 24)?;
    set_up(BRIDGE)?;

    let mut containers = vec![];
    for neighbour in ALL {
        let clone = Clone3::new().newnet().newns();
        let mut container = stage.child(neighbour.name, clone, move |inside| neighbour.live(inside, &ALL))?;
        let inside = End { name: "eth0", mac: neighbour.mac(), inside: Some(container.pid()) };
        add_veth(neighbour.port, neighbour.port_mac(), &inside)?;
        set_master(neighbour.port, BRIDGE)?;
        set_up(neighbour.port)?;
        container.go_on();
        containers.push(container);
    }

    let mut table = stage.state("ports and their bridges");
    for neighbour in ALL {
        let bridge = bridge_of(neighbour.port)?;
        stage.check(format!("{} is a port of the bridge", neighbour.port)).expect(BRIDGE).saw(&bridge)?;
        stage.backstage(|| carrier(neighbour.port))?;
        stage.check("and forwards").expect("forwarding").saw(&port_state(neighbour.port)?)?;
        table = table.new(&bridge, neighbour.name);
    }
    table.show();
    let guess = stage.predict(
        "Somebody makes a second bridge, br1, and wants to make it a port of br0. The kernel says",
        &["0: as with real switches", "ELOOP"],
    );
    add_bridge("br1", Mac([2, 0x42, 10, 9, 1, 1]))?;
    let refused = set_master("br1", BRIDGE).refused();
    stage.check("a bridge is no port of a bridge").expect(Errno::ELOOP).saw((refused, "RTM_SETLINK"))?;
    stage.reveal(
        guess,
        if refused.is_some() { "ELOOP" } else { "0: as with real switches" },
        "Two switches that are connected twice send a frame to all round in circles for ever. The kernel forbids the
         simplest of such loops. Two bridges may be connected by a veth pair: against loops there is then the spanning
         tree protocol, STP.",
    )?;
    stage.why(
        "docker0 is a bridge like this one, and `docker network create` makes another one, br- and twelve digits. The
         bridge is an interface of the host, too: with the address 10.9.0.1 on it the host is one more neighbour, and the
         containers' way to everywhere else.",
        &[kernel_doc("Ethernet bridging", "networking/bridge"), man("bridge", 8), man("ip-link", 8)],
    );
    stage.try_it(stage.nsenter("-n", "bridge link")?, "the ports, and that they forward");
    stage.pause("three containers on one bridge; nobody has said anything")?;
    Ok(containers)
}
// ANCHOR_END: a_switch

// ANCHOR: who_hears_what
fn who_hears_what(stage: &mut Stage, containers: &mut [Child]) -> Result<()> {
    stage.step("who hears what");
    stage.say(
        "web sends one datagram to db, and then one to cache. The lesson listens at the cable of cache, who has no part in
         the first one.",
    );
    let guess = stage.predict(
        "web sends a datagram to db. What of that crosses the cable of cache?",
        &["nothing", "the question who has db's address", "the question and the datagram"],
    );
    let tap = capture(CACHE.port)?;
    let before = forwarding(BRIDGE)?;

    let web = containers[0].pid();
    let knows_all = |arp: &Reading, those: &[Neighbour]| {
        let known = |one: &Neighbour| arp.text.contains(&format!("{} {}", one.address(), one.mac()));
        those.iter().all(known)
    };
    containers[0].go_on(); // sends to db
    until(|| neighbours(web), |arp| knows_all(arp, &[DB]))?;
    containers[0].go_on(); // sends to cache

    let frames =
        frame::until(&tap, |frame| frame.datagram().is_some_and(|(_, to, _)| to == CACHE.address()))?;
    let shown: Vec<String> = frames.iter().map(ToString::to_string).collect();
    stage.output(&format!("captured at {}", CACHE.port), &shown.join("\n"));
    let question = frames.iter().any(|frame| frame.asks_for(DB.address()));
    let datagram = frames.iter().any(|frame| frame.datagram().is_some_and(|(_, to, _)| to == DB.address()));
    stage.check("cache heard the question for db, which is for all").saw((question, "the capture"))?;
    stage.check("it did not get the datagram for db").expect(false).saw((datagram, "the capture"))?;
    stage.reveal(
        guess,
        match (question, datagram) {
            (true, false) => "the question who has db's address",
            (true, true) => "the question and the datagram",
            (false, _) => "nothing",
        },
        "A frame to all leaves by every port but the one that it came in by. From it, and from db's answer, the bridge
         has learned behind which ports web and db are, and the datagram goes to one port.",
    )?;
    let entry = |one: Neighbour| format!("{} {}", one.mac(), one.port);
    let knows = |table: &Reading, one| table.text.split(", ").any(|line| line == entry(one));
    let after = until(|| forwarding(BRIDGE), |table| ALL.iter().all(|one| knows(table, *one)))?;
    stage
        .state("what the bridge has learned")
        .compare(&before.varying(), &after, "each by what it has sent")
        .show();
    for neighbour in ALL {
        let claim = format!("{} is known behind {}", neighbour.mac(), neighbour.port);
        stage.check(claim).saw((knows(&after, neighbour), &after.source))?;
    }
    let arp = until(|| neighbours(web), |arp| knows_all(arp, &[DB, CACHE]))?;
    let keeps = knows_all(&arp, &[DB, CACHE]);
    stage.check("web keeps the hardware addresses of both").saw((keeps, &arp.source))?;
    stage.why(
        "Two tables, two questions. web's neighbour table says which hardware address an IP address has. The bridge's
         forwarding table says which port a hardware address is behind; of IP it knows nothing. What the bridge has not
         heard for five minutes it forgets, and sends to all again.",
        &[man("bridge", 8), man("arp", 7), kernel_doc("Ethernet bridging", "networking/bridge")],
    );
    stage.try_it(
        stage.nsenter("-n", "bridge fdb show br br0")?,
        "the forwarding table, with the ports' own addresses",
    );
    stage.try_it(stage.scene().nsenter(web, "-n", "ip neighbour"), "web's neighbour table");
    stage.pause("the bridge knows where everybody is")
}
// ANCHOR_END: who_hears_what

// ANCHOR: everybody
fn everybody(stage: &mut Stage, mut containers: Vec<Child>) -> Result<()> {
    stage.step("everybody, by name");
    stage.say(
        "People give names. Each container gets an /etc of its own, and a hosts file in it with the names of all three.
         Then each sends to each of the others, by name.",
    );
    let guess = stage.predict(
        "In the host's own /etc/hosts, is there then a line for 10.9.0.3?",
        &["yes: all share the file", "no"],
    );
    containers.iter_mut().for_each(Child::go_on); // all send
    containers.iter_mut().for_each(Child::go_on); // all receive
    let on_host = in_hosts_file(DB.name)?;
    let none = on_host.text != DB.address().to_string();
    stage.check("the host's file has no such line").saw((none, &on_host.source))?;
    stage.reveal(
        guess,
        if none { "no" } else { "yes: all share the file" },
        "The file is in a file system that only one container has mounted. Docker makes such a file for each container; on
         networks of your own it has a server for names as well, at 127.0.0.11, which knows who comes and goes.",
    )?;
    stage.why(
        "Nothing of this goes through the host's IP: no route, no forwarding, no filter of IP has a part in it, unless the
         module br_netfilter is loaded, which hands bridged packets to the packet filter, and which Docker loads.",
        &[man("hosts", 5), man("bridge", 8)],
    );
    let web = containers[0].pid();
    stage.try_it(stage.scene().nsenter(web, "-m", "cat /etc/hosts"), "web's own file");
    stage.try_it(format!("cat /proc/{web}/net/arp"), "whom web has talked to");
    stage.pause("each has heard of both others")?;
    containers.into_iter().try_for_each(Child::finish)
}
// ANCHOR_END: everybody
