//! Do: publish a service of a container at a port of its host.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::link::{End, Kind as LinkKind, Mac, add_address, add_default_route, add_veth, set_up};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{
    Ipv4Addr, SocketAddrV4, bind, connect, everywhere, forward_packets, listen, stream_socket, wait_at_most,
};
use crate::kernel::nftables::{Protocol, publish};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside, resident};
use crate::machine::Need;
use crate::probe::net::filter_rules;
use crate::probe::process::named;
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a port for the world",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Veth), Need::Nat],
    begin,
    task,
    check,
    solve,
};

const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const WORLD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const SERVICE: u16 = 80;

fn container(network: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 66, network, 2)
}

fn gateway(network: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 66, network, 1)
}

/// A container with a service, its host, and somebody outside.
fn begin(setting: &mut Setting) -> Result<()> {
    let network = setting.draw("network", 1..=250) as u8;
    setting.remember("address", container(network).to_string());
    setting.draw("port", 2_000..=29_999);
    let names = [setting.draw_name("service", "shop"), setting.draw_name("world", "crowd")];
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        forward_packets()?;
        for (number, name) in names.iter().enumerate() {
            let serves = number == 0;
            let party = resident(Clone3::new().newnet(), || {
                set_name(name)?;
                if serves {
                    let server = stream_socket()?;
                    bind(server.as_fd(), everywhere(SERVICE))?;
                    listen(server.as_fd())?;
                    std::mem::forget(server); // it listens as long as the scene stands
                }
                Ok(())
            })?;
            let (near, far) = if serves { (gateway(network), container(network)) } else { (HOST, WORLD) };
            let (end, mac) = (number as u8 + 1, Mac([2, 0x42, 10, 66, network, number as u8 + 2]));
            let cable = if serves { "veth0" } else { "wan" };
            add_veth(
                cable,
                Mac([2, 0, 10, 66, network, end]),
                &End { name: "eth0", mac, inside: Some(party) },
            )?;
            add_address(cable, near, 24)?;
            set_up(cable)?;
            inside(party, || {
                set_up("eth0")?;
                add_address("eth0", far, 24)?;
                if serves { Ok(add_default_route(near)?) } else { Ok(()) }
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
        "A container listens on port 80 of TCP, at {address}. Its host is a router between the container and the world, in
which it is known as 203.0.113.1. This brings you onto the host, as root of its network:

  {host}

Publish the service, as docker run -p {port}:80 does: whoever connects to port {port} of 203.0.113.1 from outside gets to
the container. The other ports of the host stay as they are. nft(8) is enough.",
        address = record.value("address"),
        host = record.value("host"),
        port = record.value("port"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(world) = named(record.value("world")).map(|pid| Pid::from_raw(pid as i32)) else {
        exam.claim("the world is there", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset nat`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start nat"]);
        return Ok(());
    };
    let port = record.number("port") as u16;
    let rules = ask_inside(Pid::from_raw(record.holder_pid()), || Ok(filter_rules()?.text))?;
    let answer = knock(world, port)?;
    let way = format!(
        "nft 'add table ip glass; add chain ip glass prerouting {{ type nat hook prerouting priority dstnat; }}; \
         add rule ip glass prerouting tcp dport {port} dnat to {}:80'",
        record.value("address"),
    );
    let source = format!("/proc/{world}/ns/net, by connect() inside");
    let mistake = match answer.as_str() {
        "ECONNREFUSED" if !rules.contains(" nat") && !rules.contains(" redir") => {
            format!("the host itself has refused: no rule leads port {port} anywhere ({rules})")
        }
        "ECONNREFUSED" => {
            format!(
                "somebody has refused: nobody listens where the rule leads to, or it is asked too late ({rules})"
            )
        }
        errno => format!("nothing came back ({errno}): the packet goes to where nobody is, or is dropped"),
    };
    exam.claim(
        format!("port {port} of the host leads to the service"),
        answer == "granted",
        &answer,
        &source,
    )
    .mistake(mistake)
    .hints([
        "the destination has to be another one before the host decides where the packet goes".to_string(),
        "a chain `type nat hook prerouting`, and in it a rule with `dnat to ADDRESS:PORT`".into(),
        way,
    ]);
    let other = if port == 29_999 { 2_000 } else { port + 1 };
    let answer = knock(world, other)?;
    exam.claim(format!("port {other} is nobody's"), answer == "ECONNREFUSED", &answer, &source)
        .mistake("that port leads somewhere, too: the rule has to say which port it is about")
        .hints([
            "the rule is for more than was asked for: nft list ruleset".to_string(),
            format!("`tcp dport {port}` before `dnat` makes it a rule for that port"),
            format!("nft flush ruleset, then a rule with tcp dport {port}"),
        ]);
    Ok(())
}

/// How the host answers a client outside.
fn knock(world: Pid, port: u16) -> Result<String> {
    ask_inside(world, || {
        let client = stream_socket()?;
        wait_at_most(client.as_fd(), 10)?;
        Ok(connect(client.as_fd(), SocketAddrV4::new(HOST, port)).refused().shown())
    })
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let service = SocketAddrV4::new(container(record.number("network") as u8), SERVICE);
    inside(Pid::from_raw(record.holder_pid()), || {
        Ok(publish("glass", Protocol::Tcp, record.number("port") as u16, service)?)
    })?;
    Ok(None)
}
