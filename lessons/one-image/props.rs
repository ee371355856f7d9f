//! What the lesson uses and is not about.

use std::time::Instant;

use super::NODES;
use crate::kernel::fs;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::process::{Clone3, Sig, getpid, kill};
use crate::machine::Refusal;
use crate::probe::layers::{disk_use, room, tree};
use crate::probe::{Reading, memory};
use crate::stage::{Child, Error, Result, Stage};

const KIB: u64 = 1 << 10;

/// As many containers as a lesson starts where that takes no time.
const MANY: usize = 100;
/// And no fewer than this.
const FEW: usize = 10;
/// How long they may take together, in milliseconds.
const PATIENCE: f64 = 2000.0;

/// How many containers it is going to be: what the learner wants, or what suits a machine on which the first one has
/// taken so long.
pub(super) fn how_many(wanted: Option<usize>, first: f64) -> usize {
    wanted.unwrap_or_else(|| ((PATIENCE / first.max(1.0)) as usize).clamp(FEW, MANY))
}

/// An image of a megabyte, or of less, where as many copies of that have no room.
pub(super) fn an_image(wanted: Option<usize>) -> Result<()> {
    let room = room(".")?.min(memory::left()?) / 4;
    let least = 256 * KIB;
    if let Some(wanted) = wanted.filter(|wanted| *wanted as u64 * least > room) {
        return Err(Error::Told(Refusal {
            why: format!(
                "{wanted} copies of an image want {} MiB of memory, which is more than a quarter of what is left",
                (wanted as u64 * least) >> 20
            ),
            hint: format!("make fewer: --nodes {}", (room / least).max(*NODES.start() as u64)),
        }));
    }
    let of_each = room / wanted.unwrap_or(MANY) as u64;
    let size = [1024 * KIB, 512 * KIB].into_iter().find(|size| *size <= of_each).unwrap_or(least);
    ["image", "image/bin", "image/etc", "image/lib", "containers", "copies"]
        .iter()
        .try_for_each(fs::mkdir)?;
    ["bin/app", "lib/libc"]
        .iter()
        .try_for_each(|name| fs::create_filled(format!("image/{name}"), size as usize / 2))?;
    Ok(fs::create("image/etc/release", "base 1\n")?)
}

/// What becomes the root of a container.
#[derive(Clone, Copy)]
pub(super) enum Root {
    /// The image, and an empty directory above it.
    Overlay,
    /// A copy of the image.
    Copy,
}

/// Start a container in `dir`: how long it took until it had its root, in milliseconds.
pub(super) fn start(stage: &Stage, dir: &str, root: Root) -> Result<(Child, f64)> {
    let begun = Instant::now();
    let child = stage.child("container", Clone3::new().newns().newpid(), |inside| {
        fs::mkdir(dir)?;
        match root {
            Root::Overlay => mount_layers(dir)?,
            Root::Copy => inside.backstage(|| copy(dir))?,
        }
        fs::chroot(format!("{dir}/root"))?;
        fs::chdir("/")?;
        inside.hold()?;
        inside.in_front(|| {
            fs::append("/etc/release", "with a change\n")?;
            fs::append("/bin/app", "+")
        })?;
        inside.hold()
    })?;
    Ok((child, begun.elapsed().as_secs_f64() * 1000.0))
}

fn mount_layers(dir: &str) -> Result<()> {
    ["upper", "work", "root"].iter().try_for_each(|name| fs::mkdir(format!("{dir}/{name}")))?;
    // Without the last word a file that is changed is copied whole; distributions can build the kernel otherwise.
    let options = format!("lowerdir=image,upperdir={dir}/upper,workdir={dir}/work,metacopy=off");
    Ok(mount("overlay", format!("{dir}/root"), "overlay", Flags::empty(), &options)?)
}

/// The directories of the image, and all its files.
fn copy(dir: &str) -> Result<()> {
    ["", "/bin", "/etc", "/lib"].iter().try_for_each(|name| fs::mkdir(format!("{dir}/root{name}")))?;
    let files = tree("image")?;
    Ok(files.iter().try_for_each(|file| fs::copy(format!("image/{file}"), format!("{dir}/root/{file}")))?)
}

/// End a container, and learn that it has ended.
pub(super) fn end(child: Child) -> Result<()> {
    kill(child.pid(), Sig::SIGKILL)?;
    child.wait().map(drop)
}

/// Remove a container's directories, and what is in them. What overlayfs makes in `work` is there as well.
pub(super) fn remove(dir: &str) -> Result<()> {
    for file in tree(dir)? {
        fs::unlink(format!("{dir}/{file}"))?;
    }
    remove_directories(dir)
}

fn remove_directories(dir: &str) -> Result<()> {
    let entries = crate::probe::files::listing(dir)?.text;
    let below = entries.split("  ").filter(|name| *name != "(empty)");
    below.map(|name| format!("{dir}/{name}")).try_for_each(|dir| remove_directories(&dir))?;
    Ok(fs::rmdir(dir)?)
}

/// What the files below a directory take, in bytes.
pub(super) fn bytes(dir: &str) -> Result<Reading> {
    let text = disk_use(dir)?.to_string();
    Ok(Reading::new(dir, format!("{dir} and below, st_blocks"), text).varying())
}

pub(super) fn number(reading: &Reading) -> u64 {
    reading.innermost().unwrap_or(0)
}

pub(super) fn kib(reading: &Reading) -> f64 {
    number(reading) as f64 / KIB as f64
}

/// A number that depends on how many containers there are.
pub(super) fn counted(number: usize, source: &str) -> Reading {
    Reading::new(source, source, number.to_string()).varying()
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
