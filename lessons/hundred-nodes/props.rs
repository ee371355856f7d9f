//! What the lesson uses and is not about.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::NODES;
use crate::event::man;
use crate::kernel::link::Mac;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::net::Ipv4Addr;
use crate::kernel::process::{Clone3, getpid};
use crate::machine::Refusal;
use crate::probe::files::listing;
use crate::probe::layers::disk_use;
use crate::probe::net::all_links;
use crate::probe::process::{comm, listed, lives};
use crate::probe::{Reading, file, memory};
use crate::stage::{Child, Error, Program, Result, Stage};

/// As many nodes as there are where that takes no time.
const MANY: usize = 100;
/// And no fewer than this.
const FEW: usize = 10;
/// What a single start may take if all of them are to be made.
const QUICK: Duration = Duration::from_millis(50);
/// Bytes of memory that a node may need: its process, its namespaces, its mounts.
const OF_A_NODE: u64 = 3 << 19;

/// The program of every node.
pub(super) const PROGRAM: [&str; 3] = ["tiny", "sleep", "1000000"];
/// Where our own program keeps images and containers, seen from `/tmp`.
pub(super) const STATE: &str = "state/glassbox";

/// A container, as it is seen by who looks at its processes and files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) address: Ipv4Addr,
    pub(super) name: String,
    pub(super) pid: u64,
}

/// The hardware address that goes with an address, as the runtime gives it.
pub(super) fn mac(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    Mac([2, 0x42, a, b, c, d])
}

/// A machine of the lesson's own: a network, and numbers of processes. When its first process ends, the kernel ends all
/// the others, also those that nobody waits for.
pub(super) fn machine(stage: &Stage) -> Result<Child> {
    unshare(&[Kind::Net, Kind::Pid])?;
    stage.child("init", Clone3::new(), |init| {
        let flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
        mount("proc", "/proc", "proc", flags, "")?;
        init.hold()
    })
}

/// How many nodes there can be in so much memory.
pub(super) fn room(left: u64) -> usize {
    usize::try_from(left / 2 / OF_A_NODE).unwrap_or(usize::MAX)
}

/// How many it is going to be: what the learner wants, or what suits a machine on which one start took so long.
pub(super) fn how_many(wanted: Option<usize>, room: usize, first: Duration) -> usize {
    let quick = MANY as f64 * QUICK.as_secs_f64() / first.as_secs_f64().max(f64::EPSILON);
    wanted.unwrap_or_else(|| (quick as usize).min(room).clamp(FEW, MANY))
}

/// Whether so many nodes as the learner wants have room.
pub(super) fn check_room(wanted: Option<usize>, room: usize) -> Result<()> {
    match wanted.filter(|wanted| *wanted > room) {
        None => Ok(()),
        Some(wanted) => {
            let most = room.clamp(*NODES.start(), *NODES.end());
            let need = (wanted as u64 * OF_A_NODE) >> 20;
            Err(Error::Told(Refusal {
                why: format!(
                    "{wanted} nodes want {need} MiB of memory, which is more than half of what is left"
                ),
                hint: format!("make fewer: --nodes {most}"),
            }))
        }
    }
}

/// A command of ours that has to succeed, and how long it took.
pub(super) fn glassbox(stage: &Stage, args: &[&str]) -> Result<Duration> {
    let begun = Instant::now();
    let ran = stage.glassbox("state", args)?;
    let took = begun.elapsed();
    if ran.ended.to_string() == "exited with 0" {
        return Ok(took);
    }
    Err(Error::Lesson(format!("glassbox {} {}: {}", args.join(" "), ran.ended, ran.text)))
}

/// Start so many nodes with one command, and show how far it is. How it ended, and how long it took.
pub(super) fn start_all(stage: &Stage, count: usize) -> Result<(String, Duration)> {
    /// A bar that moves more often is not seen.
    const LOOK: Duration = Duration::from_millis(50);
    let number = count.to_string();
    let args = ["glassbox", "run", "--detach", "--net", "nodes", "--name", "node", "--replicas", &number];
    let argv = [&args[..], &PROGRAM].concat();
    let env = stage.own_environment("state")?;
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    let mut pipes = Program::pipes()?;
    let begun = Instant::now();
    let child = stage.depending_on_machine(|| {
        stage.child("glassbox", Clone3::new(), |_| pipes.execve("/proc/self/exe", &argv, &env))
    })?;
    let mut shown = None;
    while let Err(Error::Io { why, what }) = pipes.read_to_end(LOOK) {
        if why.kind() != std::io::ErrorKind::TimedOut {
            return Err(Error::Io { what, why });
        }
        let members = hosts(&format!("{STATE}/networks/nodes.hosts")).map_or(0, |hosts| hosts.len());
        if shown.replace(members) != Some(members) {
            stage.gauge("nodes", members as u64, count as u64, "on the network");
        }
    }
    let took = begun.elapsed();
    stage.gauge("nodes", count as u64, count as u64, "on the network");
    Ok((child.wait()?.to_string(), took))
}

/// The names in a hosts file that begin so as nodes are called, and their addresses.
pub(super) fn hosts(path: &str) -> Result<BTreeMap<String, Ipv4Addr>> {
    let text = file(path)?.text;
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (address, name) = (words.next()?.parse().ok()?, words.next()?);
        name.starts_with("node-").then(|| (name.to_string(), address))
    });
    Ok(lines.collect())
}

/// The processes that are nodes' first ones.
pub(super) fn sleepers() -> Result<Vec<u64>> {
    let sleeps = |pid: &u64| {
        comm(pid).is_ok_and(|comm| comm.text == "sleep") && lives(pid).is_ok_and(|lives| lives.text == "yes")
    };
    Ok(listed()?.into_iter().filter(sleeps).collect())
}

/// Who they are: each has its number in `/etc/hostname`, and finds itself in its `/etc/hosts`.
pub(super) fn nodes() -> Result<Vec<Node>> {
    let mut nodes = vec![];
    for pid in sleepers()? {
        let id = file(format!("/proc/{pid}/root/etc/hostname"))?.text;
        let hosts = file(format!("/proc/{pid}/root/etc/hosts"))?.text;
        let of = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [address, name, number] = words[..] else { return None };
            let address = address.parse().ok().filter(|_| number == id.trim())?;
            Some(Node { address, name: name.into(), pid })
        };
        nodes.extend(hosts.lines().find_map(of));
    }
    nodes.sort();
    Ok(nodes)
}

/// How many ports all bridges of this network namespace have.
pub(super) fn ports() -> Result<usize> {
    Ok(all_links()?.iter().filter(|link| link.master.is_some()).count())
}

/// What the files below a directory take, in bytes.
pub(super) fn bytes(dir: &str) -> Result<Reading> {
    let text = disk_use(format!("{STATE}/{dir}"))?.to_string();
    Ok(Reading::new(dir, format!("{dir} and below, st_blocks"), text).varying())
}

/// What the layers of all images take, in bytes. Beside each is a file that says whose it is.
pub(super) fn layers() -> Result<u64> {
    let dir = format!("{STATE}/images/layers");
    let names = listing(&dir)?.text;
    let layers = names.split("  ").filter(|name| !name.ends_with(".json"));
    layers.map(|name| Ok(disk_use(format!("{dir}/{name}"))?)).sum()
}

/// KiB of memory that programs could still have.
pub(super) fn available() -> Result<f64> {
    let text = memory::available()?.text;
    Ok(text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0))
}

/// A number that depends on how many nodes there are.
pub(super) fn counted(number: usize, source: &str) -> Reading {
    Reading::new(source, source, number.to_string()).varying()
}

/// An amount that is another one in each run.
pub(super) fn amount(label: &str, source: &str, value: f64, unit: &str) -> Reading {
    let decimals = if value >= 100.0 { 0 } else { 2 };
    Reading::new(label, source, format!("{value:.decimals$} {unit}")).varying()
}

/// A command for another terminal that sees our private /tmp, and our network.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m -n", command))
}

/// Where the limit of neighbours is written down, and how they are told.
pub(super) fn about_neighbours() -> [crate::event::Source; 3] {
    [man("arp", 7), man("ip-neighbour", 8), crate::event::kernel_doc("IP sysctl", "networking/ip-sysctl")]
}
