//! Networks of containers: which there are, and who is on each.
//!
//! ```text
//! networks/NAME.json         a network
//! networks/NAME.members      who is on it
//! networks/NAME.hosts        their names: the file /etc/hosts of each of them
//! networks/                  locked by whoever changes anything of any network
//! ```
//! What the kernel has of a network follows from its record: a bridge, whose name comes from the network's number, and a
//! table of the packet filter of the same name. The record is written before they are made, and removed after they
//! are. So whoever is killed in between leaves a network that is listed, can be used, and can be removed: each step is
//! done again, and that it was done before is as good.
//!
//! A container is written down as a [member] before it is connected, and is none any more when it has ended.
//! One whose supervisor was killed is a member until the next command [settles](Records::all) it.

mod bridge;
mod forwarding;
mod hosts;
pub mod member;
mod port;
mod subnet;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use hosts::resolvers;
pub use member::{Endpoint, Member, Members};
pub use port::Port;
pub use subnet::Subnet;

use super::error::{Error, Result, doing};
use super::records::{Id, Records, now};
use crate::image::Users;
use crate::kernel::at::{Lock, flock};
use crate::state::write_atomically;

/// The names of networks that are always there: none at all, and the host's.
pub const PREDEFINED: [&str; 2] = ["host", "none"];

/// How the containers of a network are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// By a switch of the host's, which is also their way out.
    Bridge,
}

impl Driver {
    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            Driver::Bridge => "bridge",
        }
    }

    /// By that word.
    pub fn named(word: &str) -> Result<Self> {
        match word {
            "bridge" => Ok(Driver::Bridge),
            "none" | "null" | "host" => {
                let why = format!("only one instance of {word:?} network is allowed");
                Err(Error::usage(why, format!("it is there already: glassbox run --net {word} IMAGE")))
            }
            _ => Err(Error::usage(format!("there is no network driver {word:?}"), "the driver is bridge")),
        }
    }
}

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

    /// The network that a container is to be on. Whoever can make none is told so.
    pub fn find_to_join(&self, given: &str) -> Result<Network> {
        check_powers()?;
        self.find(given)
    }

    /// Make a network.
    pub fn create(&self, wanted: Wanted) -> Result<Network> {
        check_name(&wanted.name)?;
        check_powers()?;
        let locked = self.lock()?;
        let others = self.all()?;
        if others.iter().any(|other| other.name == wanted.name) {
            let hint = "take another name, or remove that one: glassbox network rm";
            let why = format!("network with name {} already exists", wanted.name);
            return Err(Error::usage(why, format!("{hint} {}", wanted.name)));
        }
        let subnet = choose(wanted.subnet, &others)?;
        let Wanted { name, driver, labels, .. } = wanted;
        let network = Network {
            id: Id::draw(),
            name,
            created: now(),
            driver,
            subnet,
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

impl Locked<'_> {
    fn write(&self, network: &Network) -> Result<()> {
        let path = self.networks.file(&network.name, "json");
        let written = serde_json::to_vec_pretty(network).map_err(io::Error::from);
        let written = written.and_then(|text| write_atomically(&path, &text));
        doing(format!("cannot write {}", path.display()), written)
    }

    /// What the kernel has to have of it, as far as that is not there.
    fn make(&self, network: &Network) -> Result<()> {
        match network.driver {
            Driver::Bridge => {
                bridge::make(network)?;
                forwarding::begin(&self.networks.dir())
            }
        }
    }

    /// All that there is of it, its record last.
    fn clear(&self, network: &Network) -> Result<()> {
        match network.driver {
            Driver::Bridge => bridge::remove(network)?,
        }
        let others = self.networks.all()?;
        if !others.iter().any(|other| other.driver == Driver::Bridge && other.id != network.id) {
            forwarding::end(&self.networks.dir())?;
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

/// Interfaces are made by whoever rules the network namespace.
fn check_powers() -> Result<()> {
    match Users::of_caller() {
        Users::All | Users::Inside => Ok(()),
        Users::Ranges { .. } | Users::One => {
            let hint =
                "run it as root, or give a container the host's network: glassbox run --net host IMAGE";
            Err(Error::usage("an ordinary user can neither make nor join networks on this machine", hint))
        }
    }
}

/// The subnet that was asked for, if nobody has any of it, or one that nobody has.
fn choose(wanted: Option<Subnet>, others: &[Network]) -> Result<Subnet> {
    let machine = Subnet::of_machine()?;
    let Some(wanted) = wanted else {
        let taken: Vec<Subnet> = others.iter().map(|other| other.subnet).chain(machine).collect();
        return Subnet::free_of(&taken);
    };
    let hint = "choose another one, or leave --subnet away: then one is chosen that nobody has";
    if let Some(other) = others.iter().find(|other| other.subnet.overlaps(wanted)) {
        let why = format!("pool {wanted} overlaps with the network {}, {}", other.name, other.subnet);
        return Err(Error::usage(why, hint));
    }
    match machine.iter().find(|other| other.overlaps(wanted)) {
        Some(other) => {
            let why = format!("pool {wanted} overlaps with {other}, a network of this machine");
            Err(Error::usage(why, hint))
        }
        None => Ok(wanted),
    }
}
