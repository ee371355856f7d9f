//! The way out of a network namespace that belongs to an ordinary user: a program of his that carries packets between an
//! interface inside and sockets outside. <https://passt.top/>, <https://github.com/rootless-containers/slirp4netns>

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kernel::mount::{bind, make_private};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::talk::pipe2;
use crate::probe::programs;

/// To be called where the way leads to, by root of the user namespace. `ready` says whose network namespace it comes
/// from, and `note` is told why there is no way out, if there is none.
pub(super) fn open(mut ready: File, mut note: File, place: &Path) -> i32 {
    let mut pid = String::new();
    if ready.read_to_string(&mut pid).is_err() || pid.is_empty() {
        return 1;
    }
    let alone = "containers on this user's networks reach each other, and nobody else";
    let opened = match (programs::find("pasta"), programs::find("slirp4netns")) {
        (None, None) => Err("neither pasta nor slirp4netns is installed: apt install passt".into()),
        _ if tun().is_err() => tun().map(drop),
        (Some(pasta), _) => {
            by_pasta(&pasta, &pid, place).map_err(|error| format!("pasta gives no way out: {error}"))
        }
        (_, Some(slirp)) => {
            by_slirp(&slirp, &pid).map_err(|error| format!("slirp4netns gives no way out: {error}"))
        }
    };
    if let Err(why) = opened {
        // Whoever wanted to know may be gone.
        let _ = write!(note, "{why}; {alone}");
    }
    0
}

/// Both programs make their interface by this device.
fn tun() -> Result<File, String> {
    const TUN: &str = "/dev/net/tun";
    File::options().read(true).write(true).open(TUN).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {TUN}: sudo modprobe tun"),
        io::ErrorKind::PermissionDenied => format!("{TUN} is for root alone: sudo chmod 666 {TUN}"),
        _ => format!("{TUN} cannot be opened: {error}"),
    })
}

/// It gives up the powers by which it could look at our namespace in `/proc`, and wants a file that stands for it: one
/// that only it sees. It goes on by itself when everything is ready. Nobody inside reaches the machine's own loopback
/// addresses by it, and nobody outside those inside.
fn by_pasta(pasta: &Path, pid: &str, place: &Path) -> io::Result<()> {
    const ARGS: [&str; 13] = [
        "--config-net",
        "--no-map-gw",
        "--no-netns-quit",
        "-t",
        "none",
        "-u",
        "none",
        "-T",
        "none",
        "-U",
        "none",
        "--netns-only",
        "--netns",
    ];
    let file = || {
        unshare(&[Kind::Mnt])?;
        make_private("/")?;
        bind(format!("/proc/{pid}/ns/net"), place)
    };
    file().map_err(|error| io::Error::other(error.to_string()))?;
    let ran = Command::new(pasta).args(ARGS).arg(place).stdin(Stdio::null()).output()?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    // It wants to tell the system's log, too, and tells when that is not there.
    let why = said.lines().rfind(|line| !line.is_empty() && !line.starts_with("Failed to send "));
    Err(io::Error::other(why.unwrap_or("it says nothing").trim().to_string()))
}

/// It stays in the foreground, and writes to a pipe when everything is ready.
fn by_slirp(slirp: &Path, pid: &str) -> io::Result<()> {
    let (mut hear, tell) = pipe2().map_err(|error| io::Error::other(error.to_string()))?;
    let mut command = Command::new(slirp);
    command.args(["--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=0", pid, "tap0"]);
    let mut child = command.stdin(tell).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // Our end of what it has for its standard input.
    drop(command);
    if hear.read_exact(&mut [0]).is_ok() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut said)?;
    }
    child.wait()?;
    Err(io::Error::other(said.lines().last().unwrap_or("it says nothing").to_string()))
}
