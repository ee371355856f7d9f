//! Do: connect a container to its host, with a veth pair.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_address, add_veth, set_up};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, connect, stream_socket, wait_at_most};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside, resident};
use crate::machine::Need;
use crate::probe::net::{all_links, local_addresses};
use crate::probe::process::named;
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a container without a way out",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Veth)],
    begin,
    task,
    check,
    solve,
};

/// Where nobody listens: a host that is reached refuses.
const CLOSED: u16 = 9;

/// A host with a network of its own, and a container with another one.
fn begin(setting: &mut Setting) -> Result<()> {
    let network = setting.draw("network", 1..=250);
    setting.remember("address", format!("10.77.{network}.2"));
    setting.remember("gateway", format!("10.77.{network}.1"));
    let name = setting.draw_name("name", "web");
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        resident(Clone3::new().newnet(), || Ok(set_name(&name)?)).map(drop)
    })?;
    let host = setting.nsenter("-n", "sh");
    setting.remember("host", host);
    let user = if setting.mode().is_rootless() { " -U --preserve-credentials" } else { "" };
    setting.remember("nsenter", format!("nsenter{user}"));
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A host, which is a network namespace, and a container, whose first process has the name {name}: neither has
anything but lo. This brings you onto the host, and as root of its network:

  {host}

Connect the two with a veth pair. The end inside is called eth0 and has the address {address}/24. The end on the host
may have any name, and has {gateway}/24. The container then reaches the host. Into the container's network leads
`{nsenter} -t PID -n`, with the number of its process; ip(8) is enough.",
        name = record.value("name"),
        host = record.value("host"),
        address = record.value("address"),
        gateway = record.value("gateway"),
        nsenter = record.value("nsenter"),
    )
}

fn address(record: &Record, name: &str) -> Ipv4Addr {
    record.value(name).parse().unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// The veth ends in the network of a process: name, and whether it is up.
fn ends(pid: Pid) -> Result<Vec<(String, bool)>> {
    let list = ask_inside(pid, || {
        let links = all_links()?;
        let ends = links.iter().filter(|link| link.kind == "veth");
        Ok(ends.map(|link| format!("{} {}\n", link.name, link.up)).collect())
    })?;
    Ok(list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, up)| (name.into(), up == "true"))
        .collect())
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let host = Pid::from_raw(record.holder_pid());
    let Some(container) = named(record.value("name")).map(|pid| Pid::from_raw(pid as i32)) else {
        exam.claim("the container is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset veth`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start veth"]);
        return Ok(());
    };
    let (within, without) = (ends(container)?, ends(host)?);
    let add = format!("on the host: ip link add veth0 type veth peer name eth0 netns {container}");
    let eth0 = within.iter().find(|(name, _)| name == "eth0");
    let seen = if within.is_empty() { "none".into() } else { listed(&within) };
    exam.claim(
        "an end of a veth pair is in the container, called eth0",
        eth0.is_some(),
        seen,
        net(container),
    )
    .mistake(if !within.is_empty() {
        "an end is inside, under another name: inside, ip link set NAME name eth0"
    } else if without.len() > 1 {
        "both ends of the pair are on the host: one of them has to be moved"
    } else {
        "the container has no cable"
    })
    .hints([
        "a veth pair is two interfaces: make them on the host, and one goes inside",
        "ip link add makes a pair; `netns PID` behind `peer name` says where the other end goes",
        &add,
    ]);
    let up = |ends: &[(String, bool)]| !ends.is_empty() && ends.iter().any(|(_, up)| *up);
    let both = format!("container {}, host {}", shown(up(&within)), shown(up(&without)));
    exam.claim("both ends are up", up(&within) && up(&without), both, net(container))
        .mistake(match (up(&within), up(&without)) {
            (true, false) => "the end on the host is down, so there is no carrier: a cable wants both",
            (false, true) => "the end inside is down, so there is no carrier: a cable wants both",
            _ => "both ends are down, as interfaces begin",
        })
        .hints([
            "look at both: ip -brief link, on the host and inside".to_string(),
            "ip link set NAME up, at each end".into(),
            format!(
                "ip link set NAME up, on the host; and: {} -t {container} -n ip link set eth0 up",
                record.value("nsenter")
            ),
        ]);
    addresses(record, exam, host, container)?;
    let target = SocketAddrV4::new(address(record, "gateway"), CLOSED);
    let answer = ask_inside(container, || {
        let client = stream_socket()?;
        wait_at_most(client.as_fd(), 10)?;
        Ok(connect(client.as_fd(), target).refused().shown())
    })?;
    exam.claim(
        "the host answers",
        answer == "ECONNREFUSED",
        &answer,
        format!("/proc/{container}/ns/net, by connect() inside"),
    )
    .mistake("ECONNREFUSED would be the host's answer: nothing came back")
    .hints([
        "first the claims above: a packet needs all of them",
        "look at the route: ip route, inside",
        "an address with /24 brings the route with it: ip address add ADDRESS/24 dev eth0",
    ]);
    Ok(())
}

fn addresses(record: &Record, exam: &mut Exam, host: Pid, container: Pid) -> Result<()> {
    let sides = [("container", "address", container, host), ("host", "gateway", host, container)];
    for (side, name, pid, other) in sides {
        let (wanted, has, others) = (record.value(name), local_addresses(pid)?, local_addresses(other)?);
        let is_in = |list: &str| list.split(' ').any(|one| one == wanted);
        let way = match side {
            "host" => format!("on the host: ip address add {wanted}/24 dev NAME"),
            _ => format!("{} -t {container} -n ip address add {wanted}/24 dev eth0", record.value("nsenter")),
        };
        exam.claim(format!("the {side} has the address {wanted}"), is_in(&has.text), &has.text, &has.source)
            .mistake(if is_in(&others.text) {
                "that address is on the other side of the cable".to_string()
            } else {
                format!("the {side}'s end has no such address, or is down")
            })
            .hints([
                "an address belongs to one end".to_string(),
                "ip address add ADDRESS/24 dev NAME".into(),
                way,
            ]);
    }
    Ok(())
}

fn listed(ends: &[(String, bool)]) -> String {
    ends.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}

fn shown(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

fn net(pid: Pid) -> String {
    format!("/proc/{pid}/ns/net, by RTM_GETLINK inside")
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(container) = named(record.value("name")).map(|pid| Pid::from_raw(pid as i32)) else {
        return Ok(None);
    };
    inside(Pid::from_raw(record.holder_pid()), || {
        let peer = End { name: "eth0", mac: Mac([2, 0x42, 10, 77, 0, 2]), inside: Some(container) };
        add_veth("veth0", Mac([2, 0x42, 10, 77, 0, 1]), &peer)?;
        add_address("veth0", address(record, "gateway"), 24)?;
        Ok(set_up("veth0")?)
    })?;
    inside(container, || {
        add_address("eth0", address(record, "address"), 24)?;
        Ok(set_up("eth0")?)
    })?;
    Ok(None)
}
