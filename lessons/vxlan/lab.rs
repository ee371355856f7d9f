//! Find: which overlay network a container is in.

use crate::error::Result;
use crate::kernel::Pid;
use crate::kernel::link::{End, Kind as LinkKind, Mac, VXLAN_PORT, add_address, add_vxlan, set_up};
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::Ipv4Addr;
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside};
use crate::machine::Need;
use crate::probe::net::all_links;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "the number of a network",
    needs: &[Need::Namespace(Namespace::Net), Need::Link(LinkKind::Vxlan)],
    begin,
    task,
    check,
    solve,
};

/// How many overlay networks the host has.
const NETWORKS: u8 = 3;

fn interface(number: u8) -> String {
    format!("vx{number}")
}

/// A host with a few overlay networks.
fn begin(setting: &mut Setting) -> Result<()> {
    let first = setting.draw("first", 1_000..=8_000_000) as u32;
    let wanted = setting.draw("wanted", 0..=u64::from(NETWORKS) - 1) as u8;
    let network = setting.draw("network", 1..=250) as u8;
    setting.remember("subnet", format!("10.{}.{network}.0/24", 50 + wanted));
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        for number in 0..NETWORKS {
            let end =
                End { name: &interface(number), mac: Mac([2, 0, 10, 50 + number, network, 1]), inside: None };
            let id = first + 7 * u32::from(number);
            add_vxlan(&end, id, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST)?;
            add_address(&interface(number), Ipv4Addr::new(10, 50 + number, network, 1), 24)?;
            set_up(&interface(number))?;
        }
        Ok(())
    })?;
    let host = setting.nsenter("-n", "sh");
    setting.remember("host", host);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A host has {NETWORKS} overlay networks by VXLAN. Frames of one of them were captured on the cable, and nobody knows
which number to look for. This brings you onto the host:

  {host}

Which VXLAN number has the network {subnet}? Answer with it:

  glassbox lab check vxlan NUMBER",
        host = record.value("host"),
        subnet = record.value("subnet"),
    )
}

/// The numbers of the overlay networks, by the names of their interfaces.
fn numbers(record: &Record) -> Result<Vec<(String, u32)>> {
    let list = ask_inside(Pid::from_raw(record.holder_pid()), || {
        let links = all_links()?;
        let found = links.iter().filter_map(|link| Some(format!("{} {}\n", link.name, link.vxlan_id?)));
        Ok(found.collect())
    })?;
    let pairs = list.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.filter_map(|(name, id)| Some((name.to_string(), id.parse().ok()?))).collect())
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let wanted = interface(record.number("wanted") as u8);
    let numbers = numbers(record)?;
    let right = numbers.iter().find(|(name, _)| *name == wanted).map(|(_, id)| *id);
    let answer = exam.answer.clone().unwrap_or_default();
    let given = answer.trim().parse::<u32>().ok();
    let other = numbers.iter().find(|(_, id)| Some(*id) == given);
    let mistake = match (given, other) {
        _ if right.is_none() => "that interface is gone: `glassbox lab reset vxlan`, then start again".into(),
        (None, _) => "an answer is a number: glassbox lab check vxlan 4711".into(),
        (Some(port), _) if port == u32::from(VXLAN_PORT) => {
            "that is the UDP port, which all networks have in common".into()
        }
        (_, Some((name, _))) => format!("that is the number of {name}, which has another network"),
        _ => "no overlay network of this host has that number".to_string(),
    };
    let seen = if answer.is_empty() { "no answer".into() } else { format!("your answer {answer}") };
    let source = format!("/proc/{}/ns/net, by RTM_GETLINK inside", record.holder_pid());
    exam.claim(
        format!("the number of {}", record.value("subnet")),
        given.is_some() && given == right,
        seen,
        source,
    )
    .mistake(mistake)
    .hints([
        "which interface has an address of that network? ip -brief address".to_string(),
        "with -details ip(8) shows what is special about a kind of interface".into(),
        format!("ip -details link show {wanted}: the number behind `vxlan id`"),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let wanted = interface(record.number("wanted") as u8);
    Ok(numbers(record)?.into_iter().find(|(name, _)| *name == wanted).map(|(_, id)| id.to_string()))
}
