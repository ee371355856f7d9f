//! A container from its image to its first program: record, group, root, start.

use std::path::PathBuf;

use super::error::Result;
use super::limits;
use super::network::{Held, Networks, Stay};
use super::records::{Created, Entry, Id, Record, Records, now};
use super::spec::Spec;
use super::start::{Plan, Root, Started, Streams, Walls, start};
use super::storage::{self, Place, Storage};
use crate::image::{Image, Users};
use crate::kernel::cgroup::{Group, Hierarchies};
use crate::kernel::process::{Sig, kill};
use crate::trace::Identity;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// What it is to be.
    pub spec: Spec,
    /// What it is called; nothing for a name that is drawn.
    pub name: String,
    /// What its image was called.
    pub image: String,
    /// Whether it is removed when it has ended.
    pub auto_remove: bool,
    /// Whether nobody waits for it, and its output goes into its log.
    pub detached: bool,
}

/// What containers are made from: looked for once, however many there will be.
#[derive(Debug)]
pub struct Ground<'a> {
    records: &'a Records,
    image: &'a Image,
    hierarchies: Hierarchies,
    /// The read-only layers, the uppermost first.
    lower: Vec<PathBuf>,
    /// Where the networks of an ordinary user are, if the caller has gone there.
    stay: Option<&'a Stay>,
}

/// A container that has been started, and whose maker the caller is.
#[derive(Debug)]
pub struct Launched {
    /// Its record.
    pub record: Record,
    /// Its first process, which may not have become its program yet.
    pub started: Started,
    /// The host's ports that are its own as long as these are open.
    pub held: Held,
}

impl<'a> Ground<'a> {
    /// For containers of an image.
    pub fn of(records: &'a Records, image: &'a Image) -> Result<Self> {
        let lower = storage::lower(records, image)?;
        Ok(Self { records, image, hierarchies: limits::hierarchies()?, lower, stay: None })
    }

    /// On networks where an ordinary user has them.
    pub fn on_networks_of(self, stay: Option<&'a Stay>) -> Self {
        Self { stay, ..self }
    }

    /// Write down a new container. From here on the caller is in charge of it.
    pub fn record(&self, order: &Order) -> Result<(Record, Option<Group>)> {
        let mut group = None;
        let record = self.records.create(|id| {
            group = limits::plan(&self.hierarchies, &order.spec.limits, &limits::group_name(id))?;
            let dirs = group.iter().flat_map(Group::dirs).map(PathBuf::from);
            Ok(Created {
                time: now(),
                name: order.name.clone(),
                image: order.image.clone(),
                image_id: self.image.id.clone(),
                spec: order.spec.clone(),
                auto_remove: order.auto_remove,
                detached: order.detached,
                group: dirs.collect(),
            })
        })?;
        Ok((record, group))
    }

    /// Make a container of it, and start it. What could not be started leaves nothing behind.
    pub fn launch(
        &self,
        record: Record,
        group: Option<Group>,
        streams: Streams,
        walls: &mut dyn Walls,
    ) -> Result<Launched> {
        match self.try_launch(&record, group, streams, walls) {
            Ok((started, held)) => Ok(Launched { record, started, held }),
            Err(error) => {
                // If that fails, the next command does it.
                let _ = record.remove();
                Err(error)
            }
        }
    }

    fn try_launch(
        &self,
        record: &Record,
        group: Option<Group>,
        streams: Streams,
        walls: &mut dyn Walls,
    ) -> Result<(Started, Held)> {
        let spec = &record.created.spec;
        if let Some(group) = &group {
            limits::make(group, &spec.limits)?;
        }
        let hostname = if spec.hostname.is_empty() { record.id.short() } else { &spec.hostname };
        let root = self.root(&record.id, spec.storage, record.created.auto_remove)?;
        let endpoint = Networks::open(self.records.state()).join(record, hostname, self.stay)?;
        let plan = Plan::new(spec, hostname, root, self.users(), streams)?;
        let plan = plan.in_group(group, self.hierarchies.layout()).on_network(endpoint);
        // Of many the next one is made meanwhile.
        let plan = plan.apart(record.created.detached);
        let started = start(&plan, walls)?;
        let noted = Identity::of(started.pid)
            .map_or(Ok(()), |init| record.happened(&Entry::Started { time: now(), init }));
        let held = noted.and_then(|()| plan.into_held()).inspect_err(|_| {
            let _ = kill(started.pid, Sig::SIGKILL);
        })?;
        Ok((started, held))
    }

    /// The files of a container, made as its driver has it.
    pub fn root(&self, id: &Id, storage: Storage, volatile: bool) -> Result<Root> {
        storage.driver().prepare(&Place {
            users: self.users(),
            state: self.records.state(),
            layers: &self.image.layers,
            lower: &self.lower,
            dir: self.records.upper(id),
            work: self.records.work(id),
            merged: self.records.merged(),
            volatile,
        })
    }

    fn users(&self) -> &'a Users {
        self.records.users()
    }
}
