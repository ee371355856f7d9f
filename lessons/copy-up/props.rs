//! What the lesson uses and is not about.

use std::time::{Duration, Instant};

use crate::kernel::fs;
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::process::getpid;
use crate::machine::Mode;
use crate::probe::layers::{longest_file, room};
use crate::probe::memory;
use crate::stage::{Result, Stage};

const MIB: u64 = 1 << 20;

/// The directories of an overlay, and in the lower one what the steps are about, but for 1G.
pub(super) fn a_layer() -> Result<()> {
    const FILES: [(&str, &str); 6] = [
        ("tool", "a program"),
        ("log", "old"),
        ("a", "1"),
        ("src/main.c", "int main;"),
        ("cache/x", "of the layer"),
        ("cache/y", "of the layer"),
    ];
    ["lower", "upper", "work", "merged", "lower/src", "lower/cache"].iter().try_for_each(fs::mkdir)?;
    for (name, content) in FILES {
        fs::create(format!("lower/{name}"), format!("{content}\n"))?;
    }
    Ok(fs::link("lower/a", "lower/b")?)
}

/// An empty upper layer above `lower`, seen in `merged`.
///
/// What the names say is what the kernel does without options; distributions can build it with others. Who is
/// not root has the marks of overlayfs in attributes of users, and with these the rest is off.
pub(super) fn mount_layers(mode: Mode) -> Result<()> {
    let more = match mode {
        Mode::Root => "redirect_dir=off,metacopy=off",
        Mode::UserNamespace { .. } => "userxattr",
    };
    let options = format!("lowerdir=lower,upperdir=upper,workdir=work,index=off,{more}");
    Ok(mount("overlay", "merged", "overlay", Flags::empty(), &options)?)
}

/// A file of a gigabyte, or as large a one as there is room for with its copy: half of what is left stays free.
pub(super) fn fill(stage: &Stage, path: &str) -> Result<()> {
    let room = room(".")?.min(memory::left()?) / 4;
    let most = room.min(longest_file() / 2);
    let length = (3..=10).rev().map(|power| MIB << power).find(|length| *length <= most).unwrap_or(4 * MIB);
    fs::create_filled(path, length as usize)?;
    let said = match length / MIB {
        1024 => "1024 MiB".into(),
        less => format!("{less} MiB: there is no room for a gigabyte and its copy"),
    };
    stage.measure("length of 1G", said, "every byte of it written, no hole");
    Ok(())
}

/// Everything anew, and without 1G: its memory is needed elsewhere. What is below an overlay is changed while
/// nobody has it mounted.
pub(super) fn without_1g(mode: Mode) -> Result<()> {
    umount2("merged", UmountFlags::empty())?;
    ["lower/1G", "upper/1G", "upper/tool"].iter().try_for_each(fs::unlink)?;
    mount_layers(mode)
}

/// How long it takes, in milliseconds.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let result = work();
    (result, milliseconds(started.elapsed()))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
