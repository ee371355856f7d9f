//! Boots a machine of the matrix in QEMU, and brings back what came of its cells.
//!
//! Three disks: the Debian tree, whose changes are thrown away; the payload, with glassbox and its tests; and one
//! without a file system, to which the machine writes a tar archive of the results in the end.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Chosen;
use super::apt::{self, Result, command, output};
use super::cells::Machine;
use super::kernel::Kernel;
use super::payload::Payload;
use super::processor::{self, Processor};

/// A machine that takes longer hangs. Software emulation on a busy computer is slow.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a machine left: a directory for each cell, with the output of every command.
pub(crate) struct Results {
    dir: tempfile::TempDir,
}

impl Results {
    /// Of the cell with this slug.
    pub(crate) fn of(&self, slug: &str) -> PathBuf {
        self.dir.path().join("results").join(slug)
    }
}

/// Boot a machine, and do these of its cells on it.
pub(crate) fn boot(machine: &Machine, cells: &[Chosen], tree: &Path, payload: &Payload) -> Result<Results> {
    let kernel = Kernel::fetch(machine.kernel)?;
    let dir = apt::workshop()?;
    let initramfs = dir.path().join("initramfs");
    let pack = || -> std::io::Result<()> {
        let mut archive = fs::read(&kernel.initramfs)?;
        archive.extend(script(machine, cells, dir.path())?);
        fs::write(&initramfs, archive)?;
        fs::create_dir(dir.path().join("results"))?;
        fs::File::create(dir.path().join("out"))?.set_len(256 << 20)
    };
    pack().map_err(|error| format!("an initramfs: {error}"))?;
    run(machine, &kernel, &initramfs, tree, payload, dir.path())?;
    let results = Results { dir };
    let (out, to) = (results.dir.path().join("out"), results.dir.path().join("results"));
    let unpacked = output(command("tar").arg("-xf").arg(out).arg("-C").arg(to));
    unpacked.map_err(|error| format!("{error}\n{}", console(results.dir.path())))?;
    Ok(results)
}

/// A cpio archive with process 1, and what it is to do.
fn script(machine: &Machine, cells: &[Chosen], dir: &Path) -> std::io::Result<Vec<u8>> {
    let Machine { layout, systemd, lacks, .. } = machine;
    let [ci, update] = ["CI", "INSTA_UPDATE"].map(|name| std::env::var(name).unwrap_or_default());
    let mut text =
        format!("layout={layout} systemd={systemd} lacks={lacks} ci={ci} update={update}\ncells() {{\n");
    for chosen in cells {
        let (who, circumstance) = (chosen.cell.who.word(), chosen.cell.circumstance);
        let _ = writeln!(text, "cell {} {who} {circumstance} \"{}\"", chosen.slug(), wanted(chosen));
    }
    text.push_str("}\n");
    let root = dir.join("initramfs.d");
    fs::create_dir_all(root.join("machine"))?;
    fs::write(root.join("machine/machine.sh"), text)?;
    fs::write(root.join("init"), include_str!("guest/initrd.sh"))?;
    let pack = "chmod 755 init; find . | cpio --quiet -o -H newc -R 0:0";
    let packed = command("sh").args(["-c", pack]).current_dir(root).stderr(Stdio::inherit()).output()?;
    Ok(packed.stdout)
}

/// How much of a cell is tried, as guest/cell.sh reads it.
fn wanted(chosen: &Chosen) -> String {
    let (lessons, suites) = (chosen.lessons(), chosen.suites().join(" "));
    let has_nodes = |id: &&str| glassbox::lessons::find(id).and_then(glassbox::lessons::nodes).is_some();
    // A hundred show nothing here that ten do not.
    let few = if lessons.iter().any(has_nodes) { "--nodes 10" } else { "" };
    let lessons = lessons.join(" ");
    format!("number={} lessons='{lessons}' few='{few}' suites='{suites}'", chosen.number)
}

fn run(
    machine: &Machine,
    kernel: &Kernel,
    initramfs: &Path,
    tree: &Path,
    payload: &Payload,
    dir: &Path,
) -> Result<()> {
    let processor = processor::here().ok_or("there are no machines for this processor")?;
    // A machine does not outlive whoever waits for it.
    let mut qemu = command("setpriv");
    qemu.args(["--pdeathsig", "KILL", processor.qemu]);
    qemu.args(["-accel", "tcg,thread=multi,tb-size=512", "-cpu", &model(processor), "-machine", "pc"]);
    // One processor: several would wait for each other, and for those of the machines beside this one.
    qemu.args(["-smp", "1", "-m", "1G", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    // A timer that this computer is too busy to emulate in time is no reason to panic.
    let parameters = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0";
    qemu.args(["-append", &format!("{parameters} {}", machine.boot)]);
    qemu.arg("-serial").arg(format!("file:{}", dir.join("console").display()));
    let (payload, out) = (payload.disk(), dir.join("out"));
    for (file, options) in [(tree, ",snapshot=on"), (&*payload, ",snapshot=on"), (&*out, "")] {
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio,cache=unsafe{options}", file.display()));
    }
    let error = fs::File::create(dir.join("qemu.err")).map_err(|error| error.to_string())?;
    qemu.stdout(Stdio::null()).stderr(error).env("TMPDIR", dir);
    let mut child = qemu.spawn().map_err(|error| format!("{qemu:?}: {error}"))?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            Ok(Some(status)) if status.success() => return Ok(()),
            ended => {
                let _ = child.kill();
                let _ = child.wait();
                let said = fs::read_to_string(dir.join("qemu.err")).unwrap_or_default();
                return Err(format!("the machine did not end: {ended:?}\n{said}\n{}", console(dir)));
            }
        }
    }
}

/// QEMU before 9 sets wrong flags after `cmpxchg16b`, and guests crash at random.
fn model(processor: &Processor) -> String {
    let version = output(command(processor.qemu).arg("--version")).unwrap_or_default();
    let major = version.split(' ').nth(3).and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    let without = if major.is_none_or(|major| major < 9) { ",cx16=off" } else { "" };
    format!("{}{without}", processor.model)
}

/// The last lines that the kernel wrote.
fn console(dir: &Path) -> String {
    let text = fs::read(dir.join("console")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().rev().take(40).collect();
    lines.into_iter().rev().map(|line| format!("{}\n", line.trim_end())).collect()
}
