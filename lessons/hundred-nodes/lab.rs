//! Fix: twelve nodes on a bridge, and two of them have one address.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::link::{
    End, Kind as LinkKind, Mac, add_address, add_bridge, add_veth_port, remove_address, set_up,
};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, connect, stream_socket, wait_at_most};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, Refused, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside, resident};
use crate::machine::Need;
use crate::probe;
use crate::probe::net::local_addresses;
use crate::probe::process::named;
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "two of twelve have one address",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Veth), Need::Link(LinkKind::Bridge)],
    begin,
    task,
    check,
    solve,
};

/// How many there are.
const NODES: u64 = 12;

/// Where nobody listens: a neighbour that is reached refuses.
const CLOSED: u16 = 9;

fn address(network: u64, number: u64) -> Ipv4Addr {
    Ipv4Addr::new(10, 87, network as u8, number as u8 + 1)
}

fn mac(network: u64, number: u64) -> Mac {
    Mac([2, 0x42, 10, 87, network as u8, number as u8 + 1])
}

/// What its process is called, and the others call it.
fn name(record: &Record, number: u64) -> String {
    format!("{}-{number}", record.value("stem"))
}

fn of(record: &Record, number: u64) -> Ipv4Addr {
    address(record.number("network"), number)
}

/// A bridge with twelve nodes. One has been given the address of another one.
fn begin(setting: &mut Setting) -> Result<()> {
    let network = setting.draw("network", 1..=250);
    let wrong = setting.draw("wrong", 1..=NODES);
    let other = setting.draw("distance", 1..=NODES - 1);
    let other = (wrong - 1 + other) % NODES + 1;
    setting.remember("other", other.to_string());
    let stem = setting.draw_name("stem", "hen");
    let hosts: String =
        (1..=NODES).map(|number| format!("{} {stem}-{number}\n", address(network, number))).collect();
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        fs::create("hosts", &hosts)?;
        add_bridge("br0", mac(network, 0))?;
        set_up("br0")?;
        add_address("br0", address(network, 0), 24)?;
        for number in 1..=NODES {
            let name = format!("{stem}-{number}");
            let node = resident(Clone3::new().newnet(), || Ok(set_name(&name)?))?;
            let end = End { name: "eth0", mac: mac(network, number), inside: Some(node) };
            add_veth_port(&format!("port{number}"), "br0", &end)?;
            let given = if number == wrong { other } else { number };
            inside(node, || {
                set_up("eth0")?;
                Ok(add_address("eth0", address(network, given), 24)?)
            })?;
        }
        Ok(())
    })?;
    let host = setting.nsenter("-m -n", "sh");
    setting.remember("host", host);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "On a host, which is a network namespace, there is a bridge with twelve nodes, each a process in a network of
its own: {stem}-1 to {stem}-{NODES}, so they are called in `ps`, too. The host's file /tmp/hosts says which
address each of them has to have. This brings you onto the host, as root of its network:

  {host}

One node has been given the address of another one, and its own is nobody's. Find it, and repair it: at the
end each has its own address, and no other one.",
        stem = record.value("stem"),
        host = record.value("host"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    check_names(record, exam);
    for number in 1..=NODES {
        check_node(record, exam, number)?;
    }
    if exam.items().iter().any(|item| !item.passed) {
        return Ok(());
    }
    let unreached = first_unreached(record)?;
    let seen = unreached.clone().unwrap_or_else(|| "all of them connect".into());
    exam.claim("it reaches all others", unreached.is_none(), seen, "/proc/*/ns/net, by connect() inside")
        .mistake(
            "its address is right, and packets are lost: is its interface up, and has the address 24 bits?",
        )
        .hints([
            "look at its interface, as it is seen inside: ip address",
            "an address without /24 has no network around it",
            "ip link set eth0 up; the address with /24",
        ]);
    Ok(())
}

/// The file says what is right; to change it is no repair.
fn check_names(record: &Record, exam: &mut Exam) {
    let source = format!("/proc/{}/root/tmp/hosts", record.holder_pid());
    let seen = probe::file(&source).map_or_else(|_| String::new(), |reading| reading.text);
    let says = |number: &u64| {
        let wanted = [of(record, *number).to_string(), name(record, *number)];
        seen.lines().any(|line| line.split_whitespace().eq(wanted.iter().map(String::as_str)))
    };
    let right = (1..=NODES).filter(says).count() as u64;
    exam.claim("the names have their addresses", right == NODES, format!("{right} of {NODES}"), source)
        .mistake("the hosts file was changed: it said what was right")
        .hints([
            "the file says which address each node has to have, and is no part of the fault".to_string(),
            "put its lines back as they were: the node of number N has the address that ends in N+1".into(),
            format!("glassbox lab reset {0}, then start again", "hundred-nodes"),
        ]);
}

fn check_node(record: &Record, exam: &mut Exam, number: u64) -> Result<()> {
    let (name, own) = (name(record, number), of(record, number).to_string());
    let (wrong, other) = (record.number("wrong"), record.number("other"));
    let taken = of(record, other).to_string();
    let claim = format!("{name} has {own}, and no other");
    let Some(pid) = named(&name) else {
        exam.claim(claim, false, "it has ended", "/proc/*/comm")
            .mistake("its process is gone: `glassbox lab reset hundred-nodes`, then start again")
            .hints(["a node is a process"; 3]);
        return Ok(());
    };
    let all = local_addresses(pid)?;
    let mine: Vec<&str> = all.text.split(' ').filter(|address| address.starts_with("10.87.")).collect();
    let mistake = match (mine.contains(&own.as_str()), mine.contains(&taken.as_str())) {
        (true, true) if number == wrong => {
            format!("it has its own address, and still that of another node, {taken}")
        }
        (false, true) if number == wrong => format!("it has {taken}, which is the address of another node"),
        (false, _) if number == other => {
            "it was right, and has been changed: the other one of the two is wrong".into()
        }
        (false, _) if mine.is_empty() => "it has no address at all".into(),
        _ => "it has an address that is not its own".into(),
    };
    exam.claim(claim, mine == [own.as_str()], all.text.clone(), &all.source).mistake(mistake).hints([
        "which address has each node? compare it with its line in /tmp/hosts".to_string(),
        "for each node: nsenter -t $(pgrep -x NAME) -n ip -brief address show eth0".into(),
        format!(
            "nsenter -t $(pgrep -x {name}) -n sh -c 'ip address flush dev eth0; ip address add {own}/24 dev eth0'"
        ),
    ]);
    Ok(())
}

/// The first node that is not reached from the one that was wrong.
fn first_unreached(record: &Record) -> Result<Option<String>> {
    let wrong = record.number("wrong");
    let from = name(record, wrong);
    let Some(pid) = named(&from) else { return Ok(Some(format!("{from} has ended"))) };
    for number in (1..=NODES).filter(|number| *number != wrong) {
        let target = SocketAddrV4::new(of(record, number), CLOSED);
        let answer = ask_inside(Pid::from_raw(pid as i32), || {
            let client = stream_socket()?;
            wait_at_most(client.as_fd(), 10)?;
            Ok(connect(client.as_fd(), target).refused().shown())
        })?;
        if answer != "ECONNREFUSED" {
            return Ok(Some(format!("{from} does not reach {}: {answer}", name(record, number))));
        }
    }
    Ok(None)
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let wrong = record.number("wrong");
    if let Some(pid) = named(&name(record, wrong)) {
        inside(Pid::from_raw(pid as i32), || {
            remove_address("eth0", of(record, record.number("other")), 24)?;
            Ok(add_address("eth0", of(record, wrong), 24)?)
        })?;
    }
    Ok(None)
}
