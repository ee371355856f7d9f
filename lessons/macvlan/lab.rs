//! Do: put a container onto the segment of its host.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_address, add_macvlan, add_veth, set_up};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, connect, stream_socket, wait_at_most};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside, resident};
use crate::machine::Need;
use crate::probe::net::all_links;
use crate::probe::process::named;
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a container on the segment",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Veth), Need::Link(LinkKind::Macvlan)],
    begin,
    task,
    check,
    solve,
};

/// Where nobody listens: a neighbour that is reached refuses.
const CLOSED: u16 = 9;

fn address(record: &Record, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 44, record.number("network") as u8, number)
}

/// The hardware address that the container has to have.
fn mac(record: &Record) -> Mac {
    Mac([2, 0x42, 10, 44, record.number("network") as u8, record.number("byte") as u8])
}

/// A host with a cable to a neighbour, and a container without any.
fn begin(setting: &mut Setting) -> Result<()> {
    let network = setting.draw("network", 1..=250) as u8;
    let byte = setting.draw("byte", 16..=250) as u8;
    setting.remember("mac", Mac([2, 0x42, 10, 44, network, byte]).to_string());
    setting.remember("address", format!("10.44.{network}.20"));
    let names = [setting.draw_name("name", "fox"), setting.draw_name("neighbour", "owl")];
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        let [_, neighbour] =
            names.each_ref().map(|name| resident(Clone3::new().newnet(), || Ok(set_name(name)?)));
        let neighbour = neighbour?;
        let far = End { name: "eth0", mac: Mac([2, 0, 10, 44, network, 9]), inside: Some(neighbour) };
        add_veth("lan0", Mac([2, 0, 10, 44, network, 1]), &far)?;
        set_up("lan0")?;
        inside(neighbour, || {
            set_up("eth0")?;
            Ok(add_address("eth0", Ipv4Addr::new(10, 44, network, 9), 24)?)
        })
    })?;
    let host = setting.nsenter("-n", "sh");
    setting.remember("host", host);
    let user = if setting.mode().is_rootless() { " -U --preserve-credentials" } else { "" };
    setting.remember("nsenter", format!("nsenter{user}"));
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A host has one cable, lan0, into a segment with a neighbour. A container on it, whose first process has the name
{name}, has no network. This brings you onto the host:

  {host}

Put the container onto the segment, without a bridge: its eth0 is a macvlan interface of lan0, with the hardware address
{mac} and the address {address}/24. It then reaches the neighbour at {neighbour}. Into the container's network leads
`{nsenter} -t PID -n`; ip(8) is enough.",
        name = record.value("name"),
        host = record.value("host"),
        mac = record.value("mac"),
        address = record.value("address"),
        neighbour = address(record, 9),
        nsenter = record.value("nsenter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(container) = named(record.value("name")).map(|pid| Pid::from_raw(pid as i32)) else {
        exam.claim("the container is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset macvlan`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start macvlan"]);
        return Ok(());
    };
    let wanted = record.value("mac");
    let describe = |pid| {
        ask_inside(pid, || {
            let links = all_links()?;
            let found = links.iter().filter(|link| !link.kind.is_empty());
            let one = |mac: Option<Mac>| mac.map(|mac| mac.to_string()).unwrap_or_default();
            Ok(found.map(|link| format!("{} {} {}\n", link.name, link.kind, one(link.mac))).collect())
        })
    };
    let (within, without) = (describe(container)?, describe(Pid::from_raw(record.holder_pid()))?);
    let eth0 = within.lines().find(|line| line.starts_with("eth0 ")).unwrap_or("eth0 (none) ");
    let (kind, its) = eth0[5..].split_once(' ').unwrap_or_default();
    let source = format!("/proc/{container}/ns/net, by RTM_GETLINK inside");
    let add = format!(
        "on the host: ip link add link lan0 name eth0 address {wanted} netns {container} type macvlan mode bridge"
    );
    exam.claim("eth0 of the container is a macvlan interface", kind == "macvlan", kind, &source)
        .mistake(match kind {
            "(none)" if without.contains(" macvlan ") => {
                "a macvlan interface is on the host: it has to go into the container".into()
            }
            "(none)" => "the container has no eth0".to_string(),
            other => format!("that is {other}, and not macvlan: it wants a bridge on the host, or a route"),
        })
        .hints([
            "lan0 stays where it is, and gets a child".to_string(),
            "ip link add link PARENT name NAME netns PID type macvlan".into(),
            add.clone(),
        ]);
    exam.claim(
        "it has the hardware address that was asked for",
        its == wanted,
        if its.is_empty() { "(none)" } else { its },
        &source,
    )
    .mistake(
        "the kernel has drawn one: the address stands before `type`, or is set afterwards while eth0 is down",
    )
    .hints([
        "an interface without an address given gets a random one".to_string(),
        format!("ip link … address {wanted}"),
        format!("inside: ip link set eth0 down; ip link set eth0 address {wanted}; ip link set eth0 up"),
    ]);
    let target = SocketAddrV4::new(address(record, 9), CLOSED);
    // What is no interface on the segment gets no answer, and the student would wait for it.
    let answer = match kind {
        "macvlan" => ask_inside(container, || {
            let client = stream_socket()?;
            wait_at_most(client.as_fd(), 10)?;
            Ok(connect(client.as_fd(), target).refused().shown())
        })?,
        _ => "(not asked)".into(),
    };
    let way = format!(
        "{} -t {container} -n sh -c 'ip link set eth0 up; ip address add {}/24 dev eth0'",
        record.value("nsenter"),
        record.value("address"),
    );
    exam.claim(
        "the neighbour answers",
        answer == "ECONNREFUSED",
        &answer,
        format!("/proc/{container}/ns/net, by connect() inside"),
    )
    .mistake(match answer.as_str() {
        "(not asked)" => "there is no macvlan interface to ask by",
        "ENETUNREACH" => "no route leads there: eth0 is down, or has no address of that network",
        _ => "the neighbour was asked, and nobody has answered",
    })
    .hints([
        "an interface begins without an address, and down".to_string(),
        "inside: ip link set eth0 up; ip address add ADDRESS/24 dev eth0".into(),
        way,
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(container) = named(record.value("name")).map(|pid| Pid::from_raw(pid as i32)) else {
        return Ok(None);
    };
    let end = End { name: "eth0", mac: mac(record), inside: Some(container) };
    inside(Pid::from_raw(record.holder_pid()), || Ok(add_macvlan("lan0", &end)?))?;
    inside(container, || {
        set_up("eth0")?;
        Ok(add_address("eth0", address(record, 20), 24)?)
    })?;
    Ok(None)
}
