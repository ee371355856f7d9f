//! What a container on the bridge does. Between its phases the others and the host act.

use std::os::fd::AsFd;

use crate::kernel::fs;
use crate::kernel::link::{Mac, add_address, set_up};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::net::{Ipv4Addr, SocketAddrV4, bind, datagram_socket, everywhere, recvfrom, sendto};
use crate::probe::net::{carrier, in_hosts_file};
use crate::stage::{Error, Result, Stage};

/// A container, and its cable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub(super) name: &'static str,
    /// The end of its cable on the host.
    pub(super) port: &'static str,
    /// The last byte of its addresses.
    pub(super) number: u8,
}

/// Where each of them listens.
const PORT: u16 = 7000;

impl Neighbour {
    pub(super) const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 9, 0, self.number)
    }

    pub(super) const fn mac(self) -> Mac {
        Mac([2, 0x42, 10, 9, 0, self.number])
    }

    /// The hardware address of the end on the host.
    pub(super) const fn port_mac(self) -> Mac {
        Mac([2, 0, 10, 9, 0, self.number])
    }

    /// Get an address; if this is web, say something; then, by name, to all and from all.
    pub(super) fn live(self, inside: &mut Stage, all: &[Neighbour]) -> Result<()> {
        inside.hold()?;
        set_up("eth0")?;
        add_address("eth0", self.address(), 24)?;
        inside.backstage(|| carrier("eth0"))?;
        let socket = datagram_socket()?;
        bind(socket.as_fd(), everywhere(PORT))?;
        inside.hold()?;

        let others = || all.iter().filter(|other| **other != self);
        if self.number == 2 {
            for other in others() {
                sendto(socket.as_fd(), "hello", SocketAddrV4::new(other.address(), PORT))?;
                inside.hold()?;
            }
        }

        mount("tmpfs", "/etc", "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "mode=755")?;
        let lines = all.iter().map(|one| format!("{} {}\n", one.address(), one.name));
        fs::create("/etc/hosts", lines.collect::<String>())?;
        for other in others() {
            let found = in_hosts_file(other.name)?;
            let address = found.text.parse().map_err(|_| Error::Lesson(format!("no address: {found}")))?;
            sendto(socket.as_fd(), self.name, SocketAddrV4::new(address, PORT))?;
        }
        inside.hold()?;

        let mut heard = vec![];
        while others().any(|other| !heard.contains(&other.name.to_string())) {
            heard.push(recvfrom(socket.as_fd())?.0);
        }
        heard.retain(|name| name != "hello");
        heard.sort();
        let mut names: Vec<&str> = others().map(|other| other.name).collect();
        names.sort_unstable();
        inside
            .check(format!("{} has heard of both others", self.name))
            .expect(names)
            .saw((heard, "recvfrom()"))?;
        inside.hold()
    }
}
