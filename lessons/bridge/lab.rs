//! Fix: three containers on a bridge, and one of them is cut off.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::link::{
    End, Kind as LinkKind, Mac, add_address, add_bridge, add_veth, set_master, set_up,
};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, connect, stream_socket, wait_at_most};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside, resident};
use crate::machine::Need;
use crate::probe::net::{bridge_of, link};
use crate::probe::process::named;
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "one of three is cut off",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Veth), Need::Link(LinkKind::Bridge)],
    begin,
    task,
    check,
    solve,
};

/// How many there are.
const CONTAINERS: u8 = 3;

/// Where nobody listens: a neighbour that is reached refuses.
const CLOSED: u16 = 9;

fn port(number: u8) -> String {
    format!("port{number}")
}

fn address(network: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 88, network, number + 1)
}

/// A bridge with three containers. The port of one of them was forgotten.
fn begin(setting: &mut Setting) -> Result<()> {
    let network = setting.draw("network", 1..=250) as u8;
    let broken = setting.draw("broken", 1..=CONTAINERS.into()) as u8;
    let names: Vec<String> =
        (1..=CONTAINERS).map(|number| setting.draw_name(&format!("name{number}"), "hen")).collect();
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        add_bridge("br0", Mac([2, 0x42, 10, 88, network, 1]))?;
        set_up("br0")?;
        for number in 1..=CONTAINERS {
            let name = &names[usize::from(number) - 1];
            let container = resident(Clone3::new().newnet(), || Ok(set_name(name)?))?;
            let mac = Mac([2, 0x42, 10, 88, network, number + 1]);
            let end = End { name: "eth0", mac, inside: Some(container) };
            add_veth(&port(number), Mac([2, 0, 10, 88, network, number + 1]), &end)?;
            set_up(&port(number))?;
            if number != broken {
                set_master(&port(number), "br0")?;
            }
            inside(container, || {
                set_up("eth0")?;
                Ok(add_address("eth0", address(network, number), 24)?)
            })?;
        }
        Ok(())
    })?;
    let host = setting.nsenter("-n", "sh");
    setting.remember("host", host);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "On a host, which is a network namespace, there is a bridge br0 with three containers. Their cables end at port1,
port2 and port3; their addresses are 10.88.{network}.2, .3 and .4. One of them reaches nobody, and nobody reaches it.
This brings you onto the host, as root of its network:

  {host}

Find out which one, and repair it. There has to be one bridge at the end, and all three on it.",
        network = record.value("network"),
        host = record.value("host"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let host = Pid::from_raw(record.holder_pid());
    for number in 1..=CONTAINERS {
        check_port(exam, host, &port(number))?;
    }
    if exam.items().iter().any(|item| !item.passed) {
        return Ok(());
    }
    let unreached = first_unreached(record)?;
    let seen = unreached.clone().unwrap_or_else(|| "all pairs connect".into());
    exam.claim(
        "every container reaches every other",
        unreached.is_none(),
        seen,
        "/proc/*/ns/net, by connect() inside",
    )
    .mistake("the ports are right, and packets are lost: has somebody changed an address, or a rule?")
    .hints([
        "is br0 up? ip -brief link",
        "are all ports up? bridge link",
        "ip link set br0 up; then each port",
    ]);
    Ok(())
}

fn check_port(exam: &mut Exam, host: Pid, port: &str) -> Result<()> {
    let seen = ask_inside(host, || {
        let up = link(port).map(|link| if link.up { "up" } else { "down" });
        Ok(match up {
            Ok(up) => format!("{} {up}", bridge_of(port)?.text),
            Err(_) => "(gone) down".into(),
        })
    })?;
    let (bridge, up) = seen.split_once(' ').unwrap_or_default();
    let holds = (bridge, up) == ("br0", "up");
    exam.claim(
        format!("{port} is a port of br0, and up"),
        holds,
        &seen,
        format!("/proc/{host}/ns/net, by RTM_GETLINK inside"),
    )
    .mistake(match bridge {
        "br0" => format!("{port} is a port of br0, and down: it forwards nothing"),
        "(none)" => format!("{port} is a port of no bridge: what comes in there goes nowhere"),
        "(gone)" => format!(
            "{port} is gone, and the container's end with it: `glassbox lab reset bridge`, then start again"
        ),
        other => {
            format!("{port} is a port of {other}, and the two others are on br0: that is a switch of its own")
        }
    })
    .hints([
        "which ports has the bridge? bridge link, on the host".to_string(),
        "a cable becomes a port by its master: ip link set NAME master BRIDGE".into(),
        format!("ip link set {port} master br0; ip link set {port} up"),
    ]);
    Ok(())
}

/// The first pair of which one does not reach the other.
fn first_unreached(record: &Record) -> Result<Option<String>> {
    let network = record.number("network") as u8;
    for from in 1..=CONTAINERS {
        let name = record.value(&format!("name{from}")).to_string();
        let Some(pid) = named(&name) else { return Ok(Some(format!("{name} has ended"))) };
        for to in (1..=CONTAINERS).filter(|to| *to != from) {
            let target = SocketAddrV4::new(address(network, to), CLOSED);
            let answer = ask_inside(Pid::from_raw(pid as i32), || {
                let client = stream_socket()?;
                wait_at_most(client.as_fd(), 10)?;
                Ok(connect(client.as_fd(), target).refused().shown())
            })?;
            if answer != "ECONNREFUSED" {
                return Ok(Some(format!(
                    "{} does not reach {}: {answer}",
                    address(network, from),
                    target.ip()
                )));
            }
        }
    }
    Ok(None)
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let broken = port(record.number("broken") as u8);
    inside(Pid::from_raw(record.holder_pid()), || Ok(set_master(&broken, "br0")?))?;
    Ok(None)
}
