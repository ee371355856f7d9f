//! Containers come to a network, and go.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::door::Door;
use super::endpoint::Published;
use super::{Endpoint, Locked, Network, Networks, Port, Stay, bridge, hosts, is_ordinary, roll};
use crate::container::error::{Error, Result, doing};
use crate::container::records::{Container, Id, Record, Records, State};
use crate::container::spec::{self, Membership};
use crate::kernel::link::Mac;

/// Who is on a network.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// In the order in which they came.
    pub all: Vec<Member>,
    /// The address that was drawn last. The next one is behind it: one that was given back rests for a while.
    pub(super) last: Option<Ipv4Addr>,
    /// Whether the packet filter still knows ports of somebody who has gone.
    pub(super) stale: bool,
}

/// A container on a network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// What the others call it.
    pub names: Vec<String>,
    /// Its ports that are reached by ports of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

impl Member {
    /// Its hardware address.
    pub fn mac(&self) -> Mac {
        bridge::mac(self.address)
    }
}

impl Networks {
    /// Who is on a network.
    pub(super) fn members(&self, name: &str) -> Result<Members> {
        let path = self.file(name, "members");
        doing(format!("cannot read {}", path.display()), roll::read(&path))
    }

    /// Give a container its place on the network that it wants to be on, if there is one. `stay` is where an ordinary
    /// user's networks are.
    pub fn join(&self, record: &Record, hostname: &str, stay: Option<&Stay>) -> Result<Option<Endpoint>> {
        let spec::Network::Named(wanted) = &record.created.spec.network else { return Ok(None) };
        let doors = stay.map(|stay| stay.doors(&wanted.ports));
        let join = || self.try_join(record, hostname, wanted, doors.as_deref());
        match join() {
            // Whoever is in the way may have ended together with its supervisor.
            Err(Error::Usage { .. }) if self.settle_all()? => join(),
            joined => joined,
        }
        .map(Some)
    }

    fn try_join(
        &self,
        record: &Record,
        hostname: &str,
        wanted: &Membership,
        doors: Option<&[Door]>,
    ) -> Result<Endpoint> {
        let locked = self.lock()?;
        let mut network = self.find(&wanted.network)?;
        if !network.driver.is_there(&network) {
            locked.make(&network)?;
        }
        let address = network.choose_address(wanted.address)?;
        if wanted.address.is_none() {
            network.members.last = Some(address);
        }
        let mut names = vec![record.created.name.clone()];
        for name in wanted.aliases.iter().map(String::as_str).chain([record.id.short(), hostname]) {
            if !names.iter().any(|other| other == name) {
                names.push(name.into());
            }
        }
        let mut ports = wanted.ports.clone();
        network.driver.check_ports(&ports)?;
        let published = match doors {
            None => Published::Filtered(ports.iter_mut().map(Port::hold).collect::<Result<_>>()?),
            Some(doors) => {
                ports = doors.iter().map(|door| door.port).collect();
                Published::Carried(doors.iter().map(Door::again).collect::<Result<_>>()?)
            }
        };
        self.check_unpublished(&ports)?;
        let (id, name) = (record.id.clone(), record.created.name.clone());
        let member = Member { id, name, address, names, ports };
        network.members.all.push(member.clone());
        let is_stale = std::mem::take(&mut network.members.stale);
        locked.write_members(&network, roll::add, hosts::add)?;
        if is_stale {
            bridge::filter(&network)?;
        } else if !member.ports.is_empty() {
            bridge::publish(&network, &member)?;
        }
        Endpoint::new(&network, address, self.file(&network.name, "hosts"), published)
    }

    /// Of a container whose supervisor was killed nobody holds the ports, and the packet filter knows them still.
    fn check_unpublished(&self, ports: &[Port]) -> Result<()> {
        if ports.is_empty() {
            return Ok(());
        }
        let networks = self.all()?;
        let mut theirs =
            networks.iter().flat_map(|network| &network.members.all).flat_map(|member| &member.ports);
        let taken = theirs.find_map(|their| ports.iter().find(|port| port.meets(their)));
        taken.map_or(Ok(()), |port| Err(port.taken()))
    }

    /// Take the place of a container that has ended back.
    pub fn leave(&self, container: &Container) -> Result<()> {
        let spec::Network::Named(wanted) = &container.created.spec.network else { return Ok(()) };
        let locked = self.lock()?;
        match self.read(&wanted.network)? {
            Some(network) => locked.release(network, |member| member.id == container.id).map(drop),
            // When it was removed nobody was on it any more.
            None => Ok(()),
        }
    }

    /// See [`Networks::settle`]: of every network.
    fn settle_all(&self) -> Result<bool> {
        let settled =
            self.all()?.iter().map(|network| self.settle(&network.name)).collect::<Result<Vec<_>>>()?;
        Ok(settled.contains(&true))
    }

    /// Those whose supervisors were killed have ended, and are no members any more; whether there were any.
    pub(super) fn settle(&self, name: &str) -> Result<bool> {
        let records = Records::open(&self.state);
        let before = self.members(name)?;
        for member in &before.all {
            // Whoever settles it locks the networks.
            let _ = records.find(member.id.as_ref());
        }
        let locked = self.lock()?;
        let Some(network) = self.read(name)? else { return Ok(false) };
        let has_ended = |member: &Member| {
            let container = records.read(&member.id).ok().flatten();
            container.is_none_or(|container| container.state == State::Exited)
        };
        Ok(locked.release(network, has_ended)?.members.all.len() < before.all.len())
    }
}

/// How members are written into a file.
type Written = fn(&Path, &Members) -> io::Result<()>;

impl Locked<'_> {
    /// Let these go. Their interfaces go with their network namespaces: the kernel does that for many at once, and to wait
    /// for one takes longer than its whole life.
    fn release(&self, mut network: Network, goes: impl Fn(&Member) -> bool) -> Result<Network> {
        let (go, stay): (Vec<_>, Vec<_>) = network.members.all.into_iter().partition(goes);
        network.members.all = stay;
        if go.iter().any(|member| !member.ports.is_empty()) {
            // That of an ordinary user's networks is where they are: whoever comes there next does it.
            network.members.stale = is_ordinary();
            if !network.members.stale {
                bridge::unpublish(&network, &go)?;
            }
        }
        if !go.is_empty() {
            self.write_members(&network, roll::write, hosts::write)?;
        }
        Ok(network)
    }

    fn write_members(&self, network: &Network, roll: Written, hosts: Written) -> Result<()> {
        for (kind, write) in [("members", roll), ("hosts", hosts)] {
            let path = self.networks.file(&network.name, kind);
            doing(format!("cannot write {}", path.display()), write(&path, &network.members))?;
        }
        Ok(())
    }
}

impl Network {
    /// The member that a container is.
    pub fn member(&self, id: &Id) -> Option<&Member> {
        self.members.all.iter().find(|member| member.id == *id)
    }

    fn choose_address(&self, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
        let machine = self.driver.neighbours()?;
        let is_taken = |address: Ipv4Addr| {
            let members = self.members.all.iter().map(|member| member.address);
            self.gateway() == Some(address) || members.chain(machine.clone()).any(|other| other == address)
        };
        let Some(wanted) = wanted else {
            let range = || self.range.unwrap_or(self.subnet).addresses();
            let behind = range().filter(|address| Some(*address) > self.members.last);
            let mut usable = behind.chain(range()).filter(|address| self.subnet.is_host(*address));
            return usable.find(|address| !is_taken(*address)).ok_or_else(|| {
                let pool = self.range.unwrap_or(self.subnet);
                let why = format!("no available IPv4 addresses on the network {}, {pool}", self.name);
                Error::usage(
                    why,
                    "remove a container of it, or make a network with more: --subnet 10.0.0.0/16",
                )
            });
        };
        if !self.subnet.is_host(wanted) {
            let why = format!("no configured subnet contains IP address {wanted}");
            return Err(Error::usage(why, format!("the network {} has {}", self.name, self.subnet)));
        }
        if is_taken(wanted) {
            let hint = format!("leave --ip away, or see who has it: glassbox network inspect {}", self.name);
            return Err(Error::usage(format!("the address {wanted} is already in use"), hint));
        }
        Ok(wanted)
    }
}
