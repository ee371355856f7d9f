//! Networks of containers: which there are, and who is on each.
//!
//! ```text
//! networks/NAME.json         a network
//! networks/NAME.members      who is on it
//! networks/NAME.hosts        their names: the file /etc/hosts of each of them
//! networks/namespace         who keeps the network namespace of an ordinary user: see rootless, keeper, way_out for
//!                            those who go out, and door and carrier for those who come in
//! networks/                  locked by whoever changes anything of any network
//! ```
//! What the kernel has of a network follows from its record and its [driver](Driver). With most it is a bridge, whose name
//! comes from the network's number, and a table of the packet filter of the same name. The record is written before they are made, and removed after they
//! are. So whoever is killed in between leaves a network that is listed, can be used, and can be removed: each step is
//! done again, and that it was done before is as good.
//!
//! A container is written down as a [member] before it is connected, and is none any more when it has ended.
//! One whose supervisor was killed is a member until the next command [settles](Records::all) it.

mod bridge;
mod carrier;
mod door;
mod driver;
mod endpoint;
mod forwarding;
mod hosts;
mod keeper;
mod macvlan;
pub mod member;
mod port;
mod roll;
mod rootless;
mod subnet;
mod vxlan;
mod way_out;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use driver::Driver;
pub use endpoint::{Endpoint, Held};
pub use hosts::resolvers;
pub use member::{Member, Members};
pub use port::{Port, Ports};
pub use rootless::{Stay, is_ordinary};
pub use subnet::Subnet;

use super::error::{Error, Result, doing};
use super::records::{Id, Records, now};
use crate::kernel::at::{Lock, flock};
use crate::state::write_atomically;

/// The names of networks that are always there: none at all, and the host's.
pub const PREDEFINED: [&str; 2] = ["host", "none"];

/// A network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Network {
    /// Its number.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// How its containers are connected.
    pub driver: Driver,
    /// Its addresses.
    pub subnet: Subnet,
    /// Those of them that are given out here, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<Subnet>,
    /// Who knows the way out, if not the first of its addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<Ipv4Addr>,
    /// Whatever its maker wants to say about it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Who is on it.
    #[serde(skip)]
    pub members: Members,
}

/// What a network is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it is called.
    pub name: String,
    /// How its containers are connected.
    pub driver: Driver,
    /// Its addresses; some that nobody has, if they are not given.
    pub subnet: Option<Subnet>,
    /// Those of them that are given out here; all, if nothing is said.
    pub range: Option<Subnet>,
    /// Who knows the way out; the first of them, if nothing is said.
    pub gateway: Option<Ipv4Addr>,
    /// Whatever its maker wants to say about it.
    pub labels: BTreeMap<String, String>,
}

/// The networks of this user.
#[derive(Debug, Clone)]
pub struct Networks {
    state: PathBuf,
}

/// The same, while nobody else changes anything.
struct Locked<'a> {
    networks: &'a Networks,
    /// Locked as long as it is open. Nobody may be forked meanwhile: a child would hold it, too.
    _lock: File,
}

impl Networks {
    /// Those in this state directory.
    pub fn open(state: &Path) -> Self {
        Self { state: state.into() }
    }

    fn dir(&self) -> PathBuf {
        self.state.join("networks")
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.dir().join(format!("{name}.{kind}"))
    }

    fn lock(&self) -> Result<Locked<'_>> {
        let dir = self.dir();
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&dir);
        let lock = made.and_then(|()| File::open(&dir));
        let lock = doing(format!("cannot make {}", dir.display()), lock)?;
        flock(&lock, Lock::Alone)?;
        Ok(Locked { networks: self, _lock: lock })
    }

    /// Every network, by name.
    pub fn all(&self) -> Result<Vec<Network>> {
        let dir = self.dir();
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => doing(format!("cannot read {}", dir.display()), entries)?,
        };
        let names = entries
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_string()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        let read = names.iter().map(|name| self.read(name));
        read.filter_map(Result::transpose).collect()
    }

    fn read(&self, name: &str) -> Result<Option<Network>> {
        // What is no name is no path either.
        if Records::check_name(name).is_err() {
            return Ok(None);
        }
        let path = self.file(name, "json");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => doing(format!("cannot read {}", path.display()), text)?,
        };
        let network = serde_json::from_slice(&text);
        let network: Network =
            network.map_err(|error| Error::Damaged(format!("{}: {error}", path.display())))?;
        Ok(Some(Network { members: self.members(name)?, ..network }))
    }

    /// The network that a name, a number or the beginning of one means.
    pub fn find(&self, given: &str) -> Result<Network> {
        if let Some(network) = self.read(given)? {
            return Ok(network);
        }
        let all = self.all()?;
        let mut found = all.into_iter().filter(|one| !given.is_empty() && one.id.as_ref().starts_with(given));
        match (found.next(), found.next()) {
            (Some(network), None) => Ok(network),
            (Some(_), Some(_)) => {
                let hint = "write more of it: glassbox network ls --no-trunc";
                Err(Error::usage(format!("network {given} is ambiguous"), hint))
            }
            (None, _) => {
                let hint =
                    format!("glassbox network ls lists what there is; glassbox network create {given}");
                Err(Error::usage(format!("network {given} not found"), hint))
            }
        }
    }

    /// Make a network.
    pub fn create(&self, wanted: Wanted) -> Result<Network> {
        let Wanted { name, driver, subnet, range, gateway, labels } = wanted;
        check_name(&name)?;
        driver.check_powers()?;
        let locked = self.lock()?;
        let others = self.all()?;
        if others.iter().any(|other| other.name == name) {
            let hint = "take another name, or remove that one: glassbox network rm";
            let why = format!("network with name {} already exists", name);
            return Err(Error::usage(why, format!("{hint} {}", name)));
        }
        if matches!(driver, Driver::Vxlan(_)) && subnet.is_none() {
            let why = "a vxlan network needs a subnet, the same on both machines";
            return Err(Error::usage(
                why,
                "and a part of it for each: --subnet 10.1.2.0/24 --ip-range 10.1.2.64/26",
            ));
        }
        let subnet = Subnet::choose(subnet, &others, driver.interface()?)?;
        check_within(subnet, range, gateway)?;
        let network = Network {
            id: Id::draw(),
            name,
            created: now(),
            driver,
            subnet,
            range,
            gateway,
            labels,
            members: Members::default(),
        };
        locked.write(&network)?;
        locked.make(&network).inspect_err(|_| {
            // What could not be made whole is taken away again; it is listed as long as that has failed.
            let _ = locked.clear(&network);
        })?;
        Ok(network)
    }

    /// Remove a network that nobody is on.
    pub fn remove(&self, given: &str) -> Result<()> {
        check_predefined(given)?;
        self.settle(&self.find(given)?.name)?;
        let locked = self.lock()?;
        let network = self.find(given)?;
        if !network.members.all.is_empty() {
            let members =
                network.members.all.iter().map(|member| format!("{} ({})", member.name, member.id.short()));
            let members = members.collect::<Vec<_>>().join(", ");
            let names = network.members.all.iter().map(|member| member.name.as_str());
            let hint = format!("remove them first: glassbox rm -f {}", names.collect::<Vec<_>>().join(" "));
            return Err(Error::usage(
                format!("network {} has active endpoints: {members}", network.name),
                hint,
            ));
        }
        locked.clear(&network)
    }
}

impl Network {
    /// Who knows the way out, if anybody does.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        let nobody = matches!(self.driver, Driver::Vxlan(_));
        self.gateway.or(Some(self.subnet.gateway()).filter(|_| !nobody))
    }

    /// Those of its addresses that are given out here, if not all.
    pub fn range(&self) -> Option<Subnet> {
        self.range
    }
}

impl Locked<'_> {
    fn write(&self, network: &Network) -> Result<()> {
        let path = self.networks.file(&network.name, "json");
        let written = serde_json::to_vec_pretty(network).map_err(io::Error::from);
        let written = written.and_then(|text| write_atomically(&path, &text));
        doing(format!("cannot write {}", path.display()), written)
    }

    /// What the kernel has to have of it, as far as that is not there.
    fn make(&self, network: &Network) -> Result<()> {
        if is_ordinary() {
            // It comes with the first container, in the namespace that is made for that.
            return Ok(());
        }
        network.driver.make(network)?;
        if network.driver == Driver::Bridge { forwarding::begin(&self.networks.dir()) } else { Ok(()) }
    }

    /// All that there is of it, its record last.
    fn clear(&self, network: &Network) -> Result<()> {
        if !is_ordinary() {
            network.driver.remove(network)?;
        }
        let others = self.networks.all()?;
        if !others.iter().any(|other| other.driver == Driver::Bridge && other.id != network.id) {
            let dir = self.networks.dir();
            if is_ordinary() {
                forwarding::forget(&dir)?;
                self.networks.forget_keeper()?;
            } else {
                forwarding::end(&dir)?;
            }
        }
        for kind in ["hosts", "members", "json"] {
            let path = self.networks.file(&network.name, kind);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => doing(format!("cannot remove {}", path.display()), removed)?,
            }
        }
        Ok(())
    }
}

/// Whether a network may be called so, by docker's rule.
fn check_name(name: &str) -> Result<()> {
    check_predefined(name)?;
    Records::check_name(name).map_err(|_| {
        let hint = "a name begins with a letter or digit, and has '_', '.' and '-' besides";
        Error::usage(format!("invalid network name: {name}"), hint)
    })
}

/// Those that are always there are neither made nor removed.
fn check_predefined(name: &str) -> Result<()> {
    if PREDEFINED.contains(&name) {
        let why = format!("operation is not permitted on predefined {name} network");
        return Err(Error::usage(why, "take another name: glassbox network ls lists what there is"));
    }
    Ok(())
}

/// What is given out, and who knows the way out, has to be in it.
fn check_within(subnet: Subnet, range: Option<Subnet>, gateway: Option<Ipv4Addr>) -> Result<()> {
    if let Some(range) = range.filter(|range| range.prefix < subnet.prefix || !subnet.contains(range.first)) {
        let why = format!("the range {range} is not in the subnet {subnet}");
        return Err(Error::usage(
            why,
            "name a part of it, and the subnet: --subnet 10.1.2.0/24 --ip-range 10.1.2.64/26",
        ));
    }
    if let Some(gateway) = gateway.filter(|gateway| !subnet.is_host(*gateway)) {
        let why = format!("no configured subnet contains the gateway {gateway}");
        return Err(Error::usage(why, "name both: --subnet 10.1.2.0/24 --gateway 10.1.2.1"));
    }
    Ok(())
}
