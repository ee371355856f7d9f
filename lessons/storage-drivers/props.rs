//! What the lesson uses and is not about.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::kernel::block::Loop;
use crate::kernel::fs;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::process::{Clone3, Ended, getpid};
use crate::machine::{Attempt, Refusal, explain};
use crate::probe::Reading;
use crate::probe::layers::{disk_use, room, tree};
use crate::probe::programs::find;
use crate::stage::{Error, Program, Result, Stage};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// What every container of the lesson appends a byte to.
pub(super) const DATABASE: u64 = 4 * MIB;
/// A file system of btrfs wants some room for itself.
const DISK: u64 = 256 * MIB;

/// An image of three files, most of which is a database.
pub(super) fn an_image() -> Result<()> {
    ["image", "image/bin", "image/data", "image/etc"].iter().try_for_each(fs::mkdir)?;
    fs::create_filled("image/bin/tool", 256 << 10)?;
    fs::create_filled("image/data/db", DATABASE as usize)?;
    Ok(fs::create("image/etc/release", "base 1\n")?)
}

/// What a driver has done for one container.
pub(super) struct Measured {
    pub(super) driver: &'static str,
    /// How long it took to make the root directory, and to write the first byte, in milliseconds.
    pub(super) create: f64,
    pub(super) write: f64,
    /// What the container takes before that byte, and after it.
    pub(super) before: u64,
    pub(super) after: u64,
}

impl Measured {
    /// Times, and space.
    pub(super) fn row(&self) -> (Reading, Reading) {
        let Self { driver, create, write, before, after } = self;
        let reading = |text| Reading::new(*driver, "measured", text).varying();
        let times = reading(format!("{create:.1} ms, {write:.1} ms"));
        (times, reading(format!("{} KiB, {} KiB", before / KIB, after / KIB)))
    }
}

/// The row of a driver that this machine does not have.
pub(super) fn no_row(driver: &str) -> (Reading, Reading) {
    let nothing = Reading::new(driver, "measured", "cannot be made here").varying();
    (nothing.clone(), nothing)
}

/// The directories and files of the image, below another directory, each made by `file`.
pub(super) fn with_all_files(root: &str, file: fn(&str, &str) -> crate::kernel::Result<()>) -> Result<()> {
    ["/bin", "/data", "/etc"].iter().try_for_each(|dir| fs::mkdir(format!("{root}{dir}")))?;
    for path in tree("image")? {
        file(&format!("image/{path}"), &format!("{root}/{path}"))?;
    }
    Ok(())
}

/// What the files below a directory take, in bytes.
pub(super) fn bytes(dir: &str) -> Result<Reading> {
    let text = disk_use(dir)?.to_string();
    Ok(Reading::new(dir, format!("{dir} and below, st_blocks"), text).varying())
}

pub(super) fn number(reading: &Reading) -> u64 {
    reading.innermost().unwrap_or(0)
}

/// How long it takes, in milliseconds.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    let result = work()?;
    Ok((result, started.elapsed().as_secs_f64() * 1000.0))
}

/// A file system of btrfs in a file, mounted at `disk`.
pub(super) struct Btrfs {
    program: PathBuf,
    pub(super) device: Loop,
}

impl Btrfs {
    /// Make it; or why this machine does not let us.
    pub(super) fn make(stage: &Stage) -> Result<std::result::Result<Self, Refusal>> {
        let (Some(mkfs), Some(program)) = (find("mkfs.btrfs"), find("btrfs")) else {
            return Ok(Err(explain(Attempt::program("mkfs.btrfs"))));
        };
        let device = match stage.loop_device("btrfs", DISK) {
            Ok(device) => device,
            Err(error) => return Ok(Err(error.explained())),
        };
        let path = device.path().display().to_string();
        run(stage, &mkfs.display().to_string(), &["mkfs.btrfs", "-q", &path])?;
        fs::mkdir("disk")?;
        match mount(&path, "disk", "btrfs", Flags::empty(), "") {
            Ok(()) => Ok(Ok(Self { program, device })),
            Err(error) => Ok(Err(explain(&error))),
        }
    }

    /// `btrfs`, with these arguments.
    pub(super) fn run(&self, stage: &Stage, args: &[&str]) -> Result<()> {
        let argv: Vec<&str> = ["btrfs"].iter().chain(args).copied().collect();
        run(stage, &self.program.display().to_string(), &argv)
    }

    /// How many bytes can still be stored, when all that was written is on the disk.
    pub(super) fn room(&self, stage: &Stage) -> Result<u64> {
        self.run(stage, &["filesystem", "sync", "disk"])?;
        Ok(room("disk")?)
    }
}

/// Run a program to its end, which must be a good one.
fn run(stage: &Stage, program: &str, argv: &[&str]) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut pipes = Program::pipes()?;
    let child = stage.child("btrfs", Clone3::new(), |_| {
        pipes.execve(program, argv, &["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    })?;
    let said = pipes.read_to_end(PATIENCE)?;
    match child.wait()? {
        Ended::Exited(0) => Ok(()),
        ended => Err(Error::Lesson(format!("{} {ended}: {}", argv.join(" "), said.trim()))),
    }
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
