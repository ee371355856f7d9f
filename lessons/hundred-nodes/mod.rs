//! A hundred containers of one image on one bridge, each with a name and an address: each reaches each.

mod lab;
mod props;
mod visitor;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::event::{kernel_doc, man};
use crate::kernel::link::Kind as LinkKind;
use crate::kernel::namespace::Kind;
use crate::kernel::process::Clone3;
use crate::machine::Need;
use crate::probe::layers::inode;
use crate::probe::net::all_links;
use crate::probe::process::listed;
use crate::probe::{Reading, file, memory, until};
use crate::stage::{Child, Lesson, Result, Stage};
use props::{Node, PROGRAM, amount, bytes, counted, glassbox, how_many, in_here, machine, ports};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "hundred-nodes",
    title: "A hundred nodes on one machine",
    minutes: 12,
    builds_on: &["one-image", "bridge", "container"],
    steps: 5,
    needs: &[
        Need::Kernel(5, 0),
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
        Need::Overlay,
        Need::Seccomp,
        Need::Link(LinkKind::Veth),
        Need::Link(LinkKind::Bridge),
        Need::Nat,
    ],
    run,
    lab: lab::LAB,
};

/// How many there can be. The bridge has 1023 ports, and the subnet 1021 addresses.
pub(super) const NODES: RangeInclusive<usize> = 2..=1000;

/// With this the entries of neighbours are counted, on the whole machine.
const LIMIT: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";

fn run(stage: &mut Stage) -> Result<()> {
    let (mut network, count) = addresses_for_all(stage)?;
    let nodes = all_of_them(stage, &mut network, count)?;
    let visitor = who_knows_whom(stage, &network, &nodes)?;
    each_to_each(stage, visitor)?;
    the_bill(stage, network)
}

/// The lesson's machine, and what was measured on it.
struct Network {
    /// Ends everything when it ends.
    init: Child,
    /// How many entries of neighbours the kernel allows, as far as it has to ask.
    limit: Option<Reading>,
    /// What starts took: of one alone, and of all.
    alone: Duration,
    all: Duration,
    /// KiB of memory that all nodes took.
    memory: f64,
    count: usize,
}

// ANCHOR: addresses_for_all
fn addresses_for_all(stage: &mut Stage) -> Result<(Network, usize)> {
    stage.step("addresses for all");
    stage.say(
        "Each node gets an address of a network, so first there has to be a network that has enough of them. The host is
         made for this lesson: a network namespace with nothing in it, and a PID namespace, with which all nodes end.",
    );
    // What is the machine's own is read first.
    let limit = file(LIMIT).ok().map(Reading::varying);
    let room = props::room(memory::left()?);
    props::check_room(stage.scene().nodes, room)?;
    let init = machine(stage)?;
    // The image is made when it is asked for, which takes some time on a slow machine.
    stage.backstage(|| glassbox(stage, &["image", "inspect", "tiny"]))?;
    glassbox(stage, &["network", "create", "--subnet", "10.8.0.0/30", "small"])?;
    let guess = stage.predict(
        "The network 10.8.0.0/30 has four addresses. How many containers can be on it?",
        &["four", "two", "one"],
    );

    let run = |name| [&["run", "--detach", "--net", "small", "--name", name][..], &PROGRAM].concat();
    let alone = glassbox(stage, &run("first"))?;
    let second = stage.glassbox("state", &run("second"))?;

    let told = second.text.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    stage.output("glassbox run", told);
    stage
        .check("a second one is refused")
        .expect("exited with 125")
        .saw((second.ended.to_string(), "wait4()"))?;
    let running = props::sleepers()?.len();
    stage.check("one container runs").expect(1usize).saw((running, "/proc/*/comm"))?;
    stage.reveal(
        guess,
        match running {
            1 => "one",
            2 => "two",
            _ => "four",
        },
        "The first address stands for the network, the last one is for all at once, and one is the gateway: the bridge, on
         the host. A network for a hundred wants 103 addresses; with 22 bits in common there are 1024.",
    )?;
    stage.backstage(|| glassbox(stage, &["rm", "--force", "first"]))?;
    stage.backstage(|| glassbox(stage, &["network", "rm", "small"]))?;
    glassbox(stage, &["network", "create", "--subnet", "10.9.0.0/22", "nodes"])?;
    let bridges = all_links()?.iter().filter(|link| link.kind == "bridge").count();
    stage.check("the network is a bridge").expect(1usize).saw((bridges, "RTM_GETLINK"))?;
    let count = how_many(stage.scene().nodes, room, alone);
    stage.why(
        "Addresses are the first limit that a growing network meets, and the one that is hardest to move: everybody has the
         old ones in his files. Docker takes 65,536 for a bridge. The next limit is the bridge itself: it has 1023 ports.",
        &[kernel_doc("Ethernet bridging", "networking/bridge"), man("ip-address", 8)],
    );
    stage.try_it(in_here(stage, "ip -brief address")?, "the bridge has the gateway's address");
    stage.pause("there is a network, and nobody on it")?;
    let (all, memory) = (Duration::ZERO, 0.0);
    Ok((Network { init, limit, alone, all, memory, count }, count))
}
// ANCHOR_END: addresses_for_all

// ANCHOR: all_of_them
fn all_of_them(stage: &mut Stage, network: &mut Network, count: usize) -> Result<Vec<Node>> {
    stage.step("all of them");
    stage.say(
        "One command makes them all: `glassbox run --detach --replicas`. Each is a whole container, with all that the
         lesson on the container had. A hundred are usual; a slow machine, or one with little memory, gets fewer, and
         --nodes says how many you want.",
    );
    let guess = stage.predict(
        "Nobody waits for these containers, and somebody has to notice when one ends. How many processes look after them?",
        &["one", "one for each", "none: the kernel does"],
    );
    let before = props::available()?;

    let (ended, took) = props::start_all(stage, count)?;

    stage.check("the command says that all were started").expect("exited with 0").saw((ended, "wait4()"))?;
    (network.all, network.memory) = (took, (before - props::available()?).max(0.0));
    stage.measure("nodes", count, "how many were started");
    stage.measure(
        "start of all",
        format!("{:.0} ms", took.as_secs_f64() * 1e3),
        "from execve() to the last execve()",
    );
    // The first process of this machine is listed, too.
    let others = listed()?.len() - props::sleepers()?.len() - 1;
    let nodes = props::nodes()?;
    stage.check("all of them run").expect(count).saw(&counted(nodes.len(), "/proc/*/comm"))?;
    let distinct = |of: &dyn Fn(&Node) -> String| nodes.iter().map(of).collect::<BTreeSet<_>>().len();
    let (names, addresses) =
        (distinct(&|node| node.name.clone()), distinct(&|node| node.address.to_string()));
    stage
        .check("each has a name of its own")
        .expect(count)
        .saw(&counted(names, "/proc/*/root/etc/hostname"))?;
    stage.check("and an address").expect(count).saw(&counted(addresses, "/proc/*/root/etc/hosts"))?;
    stage.check("and a port of the bridge").expect(count).saw(&counted(ports()?, "RTM_GETLINK"))?;
    let mut inodes = BTreeSet::new();
    for node in &nodes {
        inodes.insert(inode(format!("/proc/{}/root/bin/sleep", node.pid))?.text);
    }
    stage
        .check("their program is one file, on the disk once")
        .expect(1usize)
        .saw((inodes.len(), "/proc/*/root/bin/sleep st_ino"))?;
    stage.reveal(
        guess,
        match others {
            0 => "none: the kernel does",
            1 => "one",
            _ => "one for each",
        },
        "What the command leaves behind is one process, which has made all the others and is told when one of them ends. Docker
         has a containerd-shim for each container, which takes some megabytes of memory, and can be exchanged one by one.",
    )?;
    stage.why(
        "While one container becomes its program, the next one is made; the cable costs about a millisecond, and is made
         with its port, its name and its other end's place in a single request.",
        &[man("rtnetlink", 7), man("veth", 4)],
    );
    stage.try_it(in_here(stage, "bridge link")?, "the ports, and that they forward");
    stage.try_it(in_here(stage, &format!("cat /tmp/{}/networks/nodes.hosts", props::STATE))?, "who is who");
    stage.pause("all nodes are running; nobody has said anything")?;
    Ok(nodes)
}
// ANCHOR_END: all_of_them

// ANCHOR: who_knows_whom
fn who_knows_whom(stage: &mut Stage, network: &Network, nodes: &[Node]) -> Result<Child> {
    stage.step("who knows whom");
    stage.say(
        "Whoever sends on a bridge has to know the hardware address of the other one, and keeps it in a table. Usually he asks,
         by ARP. Here each node is told whom it is going to talk to, and the host, before it says anything. A visitor
         goes round, opens a socket in the network of each, and does that.",
    );
    let guess = stage.predict(
        "Each node is to talk to each. How many entries of neighbours does the kernel need for that?",
        &["one for each node", "two for each node", "one for each node that a node talks to"],
    );
    let targets = visitor::targets(nodes.len());
    let wanted: usize = targets.iter().map(|targets| targets.len() + 1).sum();
    let before = visitor::known(nodes)?;

    let mut visitor =
        stage.child("visitor", Clone3::new(), |visitor| visitor::visit(visitor, nodes, &targets))?;

    let after = visitor::known(nodes)?;
    let reading = |number| Reading { label: "neighbours".into(), ..counted(number, "/proc/*/net/arp") };
    stage.state("what all nodes know").compare(&reading(before), &reading(after), "permanent entries").show();
    stage.check("nobody knew anybody").expect(0usize).saw((before, "/proc/*/net/arp"))?;
    stage.check("each knows whom it needs, and the host").expect(wanted).saw(&reading(after))?;
    if let Some(limit) = &network.limit {
        stage.measure("entries it may ask for", &limit.text, LIMIT);
    }
    let observed = match after {
        after if after == nodes.len() => "one for each node",
        after if after == 2 * nodes.len() => "two for each node",
        _ => "one for each node that a node talks to",
    };
    stage.reveal(
        guess,
        observed,
        "A hundred nodes that all talk to each other know 9,900 neighbours. The table looks like one of each network namespace,
         and is one of the machine, with one limit for all: 1024 entries unless somebody has raised it. Then the kernel forgets
         those that nobody uses, and if there are none, packets are lost. Entries that are permanent do not count.",
    )?;
    visitor.go_on();
    stage.why(
        "`neighbour: arp_cache: neighbor table overflow!` is what the kernel's log then says, and large clusters know it well. Who
         makes a network knows who is where, and can tell: Docker's overlay networks and flannel do the same as this lesson.
         The first datagram of each node went to the host, from which the bridge has learned behind which port it is.",
        &props::about_neighbours(),
    );
    stage.try_it(in_here(stage, "bridge -statistics fdb show")?, "what the bridge has learned, and when");
    stage.pause("everybody knows his neighbours, and the bridge knows its ports")?;
    Ok(visitor)
}
// ANCHOR_END: who_knows_whom

// ANCHOR: each_to_each
fn each_to_each(stage: &mut Stage, mut visitor: Child) -> Result<()> {
    stage.step("each to each, by name");
    stage.say(
        "Now each node calls each other one by its name: it looks in its own /etc/hosts, and sends a datagram with its own
         name to the address that it finds. Each has to hear of all others. Of more than two hundred nodes each calls eight
         that are drawn, and the first one all.",
    );
    let guess = stage.predict(
        "Each node has a file /etc/hosts with the names of all. How many such files are there?",
        &["one", "one for each node", "none: a server answers"],
    );
    let mut files = BTreeSet::new();
    for pid in props::sleepers()? {
        files.insert(inode(format!("/proc/{pid}/root/etc/hosts"))?.text);
    }

    visitor.go_on(); // all send, and all receive

    stage
        .check("all nodes read the same hosts file")
        .expect(1usize)
        .saw((files.len(), "/proc/*/root/etc/hosts st_ino"))?;
    stage.reveal(
        guess,
        if files.len() == 1 { "one" } else { "one for each node" },
        "It is one file of the network, bound into each container read-only. When a node comes or goes it is changed in place, and
         all of them see that at once. With a file each, the hundredth node would mean a hundred writes.",
    )?;
    stage.why(
        "The number of pairs grows with the square of the number of nodes; a switch does not mind, because it only learns one
         address for each port. A server for names, as Docker and Kubernetes have it, is for nodes that come and go all the
         time, on more than one machine.",
        &[man("hosts", 5), man("sendmmsg", 2), man("bridge", 8)],
    );
    stage
        .try_it(in_here(stage, "ip -statistics link show type bridge")?, "what the host has heard: one each");
    stage.pause("each has heard of all that have called it")?;
    visitor.finish()
}
// ANCHOR_END: each_to_each

// ANCHOR: the_bill
fn the_bill(stage: &mut Stage, network: Network) -> Result<()> {
    stage.step("the bill");
    let count = network.count;
    stage.say(
        "What did all of this take? For comparison one more container is started whose root is a full copy of the image. Then
         everything is removed.",
    );
    let run = ["run", "--detach", "--net", "nodes", "--storage-driver", "vfs", "--name", "copy"];
    let copied = stage.backstage(|| glassbox(stage, &[&run[..], &PROGRAM].concat()))?;
    let (image, copy) = (props::layers()?, bytes("uppers")?);
    stage.backstage(|| glassbox(stage, &["rm", "--force", "copy"]))?;
    let (layers, records) = (bytes("uppers")?, bytes("containers")?);
    let kib = |reading: &Reading| reading.innermost().unwrap_or(0) as f64 / 1024.0;
    let (own, each) = (kib(&layers) + kib(&records), |all: f64| all / count as f64);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let row = |what: &str, source: &str, all: f64, unit: &str| {
        (amount(what, source, all, unit), amount(what, source, each(all), unit))
    };
    let start = row("start", "the clock", ms(network.all), "ms");
    let memory = row("memory", "/proc/meminfo MemAvailable, before and after", network.memory, "KiB");
    let disk = row("disk, beside the image", "st_blocks", own, "KiB");
    stage
        .side_by_side("what the nodes took", "all", "each")
        .compare(&start.0, &start.1, "the whole container")
        .compare(&memory.0, &memory.1, "mostly the kernel's")
        .compare(&disk.0, &disk.1, "its record")
        .show();
    stage.chart(
        "start",
        "ms",
        "the mean of all nodes; the others with their command",
        &[("a node", each(ms(network.all))), ("one alone", ms(network.alone)), ("one full copy", ms(copied))],
    );
    let copies = kib(&copy) * count as f64;
    let disk = [("the image, and all nodes", image as f64 / 1024.0 + own), ("as many full copies", copies)];
    stage.chart("disk", "KiB", "st_blocks; the copies are one, so many times", &disk);
    stage.check("the nodes have no file of their own").expect("0").saw((layers.text, "uppers st_blocks"))?;
    stage.check("a full copy is as large as the image").expect_at_least(image).saw(&copy)?;
    let guess = stage.predict(
        "Each node has a cable, one end of which is a port of the bridge. All nodes are ended; who removes the ports?",
        &["the kernel", "the runtime, one by one", "nobody: they stay"],
    );

    stage.backstage(|| remove_all(stage))?;
    until(|| ports().map(|ports| counted(ports, "RTM_GETLINK")), |ports| ports.text == "0")?;

    let (left, running) = (ports()?, props::sleepers()?.len());
    stage.check("no node runs any more").expect(0usize).saw((running, "/proc/*/comm"))?;
    stage.check("no port is left").expect(0usize).saw((left, "RTM_GETLINK"))?;
    stage.reveal(
        guess,
        if left == 0 { "the kernel" } else { "nobody: they stay" },
        "An interface belongs to its network namespace, and that ends with the last process in it. With one end of a cable the other
         one goes. Nobody has to remember what there was, and so nothing can be forgotten.",
    )?;
    glassbox(stage, &["network", "rm", "nodes"])?;
    let links = all_links()?.into_iter().map(|link| link.name).collect::<Vec<_>>();
    stage.check("the host is as it was").expect("lo").saw((links.join(" "), "RTM_GETLINK"))?;
    let records = props::bytes("containers")?;
    stage.check("no record is left").expect("0").saw((records.text, "containers st_blocks"))?;
    stage.why(
        "A hundred machines would have a hundred kernels, and a disk each. Here the memory is that of the kernel's own tables, some hundred
         KiB for a node, most of it for the network; and a cluster of a hundred nodes fits into a laptop, to be tried out.",
        &[man("network_namespaces", 7), man("veth", 4)],
    );
    stage.try_it(in_here(stage, "ip link")?, "lo, and nothing else");
    stage.pause("everything is gone, but for the image")?;
    drop(network.init);
    Ok(())
}

fn remove_all(stage: &Stage) -> Result<()> {
    let listed = stage.glassbox("state", &["ps", "--all", "--quiet"])?.text;
    let ids: Vec<&str> = listed.lines().collect();
    glassbox(stage, &[&["rm", "--force"], &ids[..]].concat()).map(drop)
}
// ANCHOR_END: the_bill
