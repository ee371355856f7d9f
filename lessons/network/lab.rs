//! Fix: a service that nobody can reach, from the same network namespace.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::net::{
    bind, connect, everywhere, listen, loopback, loopback_up, stream_socket, wait_at_most,
};
use crate::kernel::{Errno, Pid, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside};
use crate::machine::Need;
use crate::probe::net::{interface, local_addresses};
use crate::stage::Shown;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a service that cannot be reached",
    needs: &[Need::Namespace(Namespace::Net)],
    begin,
    task,
    check,
    solve,
};

const REPAIR: &str = "ip link set lo up";

/// A namespace in which somebody listens, and lo is down.
fn begin(setting: &mut Setting) -> Result<()> {
    let port = setting.draw("port", 1_024..=29_999) as u16;
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        let server = stream_socket()?;
        bind(server.as_fd(), everywhere(port))?;
        listen(server.as_fd())?;
        std::mem::forget(server); // it listens as long as the scene stands
        Ok(())
    })?;
    let enter = setting.nsenter("-n", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "In a container a service listens on port {port}. Its health check, a program in the same network
         namespace, connects to 127.0.0.1:{port} and fails. This brings you into that namespace:\n\n  \
         {enter}\n\n
         Repair it: the connection has to succeed. ip(8) is enough. The service itself is all right.",
        port = record.value("port"),
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let holder = Pid::from_raw(record.holder_pid());
    let port = record.number("port") as u16;
    let state = ask_inside(holder, || Ok(interface("lo")?.text))?;
    let addresses = local_addresses(holder)?;
    let answer = ask_inside(holder, || Ok(try_to_connect(port)?.shown()))?;
    let its_own = addresses.text.split(' ').any(|address| address == "127.0.0.1");

    let enter = record.value("enter");
    exam.claim("lo is up", state == "up", &state, format!("/proc/{holder}/ns/net, by getifaddrs() inside"))
        .mistake("lo of the container's namespace is down: what was done outside of it does not count")
        .hints([
            "look at the interfaces from inside: cat /proc/net/dev, or ip link".into(),
            format!("an interface that is down has no address that works; inside, as in: {enter}"),
            REPAIR.to_string(),
        ]);
    exam.claim("127.0.0.1 is its own", its_own, &addresses.text, &addresses.source)
        .mistake(if state == "up" {
            "lo is up and has no address 127.0.0.1: it was taken away"
        } else {
            "an address of an interface that is down does not count"
        })
        .hints([
            "up is one thing, an address is another".to_string(),
            "the kernel gives lo its address when it comes up, or ip address add does it".into(),
            if state == "up" { "ip address add 127.0.0.1/8 dev lo".into() } else { REPAIR.into() },
        ]);
    let source = format!("/proc/{holder}/ns/net, by connect() inside");
    let mistake = match answer.as_str() {
        "EINPROGRESS" => "connect() waits in vain: the packets are lost on the way".into(),
        errno => format!("connect() says {errno}"),
    };
    let claim = format!("a connection to 127.0.0.1:{port} succeeds");
    exam.claim(claim, answer == "granted", &answer, source).mistake(mistake).hints([
        "the errno says how far it got: ENETUNREACH is no way there, ECONNREFUSED is nobody there",
        "the service listens; what is missing is the way to it",
        REPAIR,
    ]);
    Ok(())
}

/// How the kernel answers a client in this network namespace.
fn try_to_connect(port: u16) -> Result<Option<Errno>> {
    let client = stream_socket()?;
    wait_at_most(client.as_fd(), 2)?;
    Ok(connect(client.as_fd(), loopback(port)).refused())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    inside(Pid::from_raw(record.holder_pid()), || Ok(loopback_up()?))?;
    Ok(None)
}
