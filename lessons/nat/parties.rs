//! What the container and the world do. Between their phases the host and the other one act.

use std::os::fd::AsFd;

use super::{CONTAINER, GATEWAY, HOST, PUBLISHED, SERVICE, WORLD};
use crate::kernel::link::{add_address, add_default_route, set_up};
use crate::kernel::net::{SocketAddrV4, bind, datagram_socket, everywhere, recvfrom, sendto};
use crate::kernel::{Errno, Refused, fs};
use crate::probe::net::carrier;
use crate::stage::{Prediction, Result, Stage};

/// Where the world listens, and from where the container calls.
const LISTENS: u16 = 7000;
const CALLS: u16 = 40_000;

pub(super) fn container(inside: &mut Stage) -> Result<()> {
    inside.hold()?;
    set_up("eth0")?;
    add_address("eth0", CONTAINER, 24)?;
    add_default_route(GATEWAY)?;
    inside.backstage(|| carrier("eth0"))?;
    inside.hold()?;

    let client = datagram_socket()?;
    bind(client.as_fd(), everywhere(CALLS))?;
    let world = SocketAddrV4::new(WORLD, LISTENS);
    sendto(client.as_fd(), "hello", world)?;
    inside.hold()?;

    // A new connection: what was decided for the first one is remembered.
    let client = datagram_socket()?;
    bind(client.as_fd(), everywhere(CALLS + 1))?;
    sendto(client.as_fd(), "hello", world)?;
    inside.hold()?;
    let (text, from) = recvfrom(client.as_fd())?;
    inside.check("the answer is there").expect("hello, host").saw((text, "recvfrom()"))?;
    inside
        .check("from whom it had called")
        .expect(WORLD.to_string())
        .saw((from.ip().to_string(), "recvfrom()"))?;
    inside.hold()?;

    let service = datagram_socket()?;
    bind(service.as_fd(), SERVICE)?;
    inside.hold()?;
    let (_, from) = recvfrom(service.as_fd())?;
    sendto(service.as_fd(), "the container", from)?;
    inside.hold()
}

pub(super) fn world(inside: &mut Stage, guess: Prediction) -> Result<()> {
    // Many machines drop what comes from where they have no route to, before anybody could answer it.
    for of in ["all", "default"] {
        fs::write(format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"), "0")?;
    }
    inside.hold()?;
    set_up("eth0")?;
    add_address("eth0", WORLD, 24)?;
    inside.backstage(|| carrier("eth0"))?;
    let socket = datagram_socket()?;
    bind(socket.as_fd(), everywhere(LISTENS))?;
    inside.hold()?;

    let (_, from) = recvfrom(socket.as_fd())?;
    inside
        .check("it came from a private address")
        .expect(CONTAINER.to_string())
        .saw((from.ip().to_string(), "recvfrom()"))?;
    let refused = sendto(socket.as_fd(), "hello, container", from).refused();
    inside.check("which cannot be answered").expect(Errno::ENETUNREACH).saw((refused, "sendto()"))?;
    inside.reveal(
        guess,
        if refused.is_some() { "it arrives, and cannot be answered" } else { "it arrives and is answered" },
        "Nobody has a route to 10.9.0.0/24 but the host. Such addresses are private, every second network has them, and no
         router of the internet knows where to send them. So the answer fails where it begins, with ENETUNREACH.",
    )?;
    inside.hold()?;

    let (_, from) = recvfrom(socket.as_fd())?;
    inside
        .check("the world sees the host")
        .expect(HOST.to_string())
        .saw((from.ip().to_string(), "recvfrom()"))?;
    sendto(socket.as_fd(), "hello, host", from)?;
    inside.hold()?;

    sendto(socket.as_fd(), "who are you?", SocketAddrV4::new(HOST, PUBLISHED))?;
    inside.hold()?;
    let (text, from) = recvfrom(socket.as_fd())?;
    let answered = format!("{text} at {from}");
    inside
        .check("the service answers at the host's port")
        .expect(format!("the container at {HOST}:{PUBLISHED}"))
        .saw((answered, "recvfrom()"))?;
    inside.hold()
}
