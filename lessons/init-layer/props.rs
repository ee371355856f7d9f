//! What the lesson uses and is not about.

use crate::kernel::fs;
use crate::kernel::mount::{Flags, bind, mount};
use crate::kernel::process::getpid;
use crate::stage::{Result, Stage};

/// What a runtime writes for each container, and binds into its root.
pub(super) const OWN: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

/// An image, which is nobody's: it has no name in it.
pub(super) fn an_image() -> Result<()> {
    ["image", "image/bin", "image/etc", "init", "work", "merged"].iter().try_for_each(fs::mkdir)?;
    fs::create_filled("image/bin/sh", 64 << 10)?;
    Ok(fs::create("image/etc/release", "base 1\n")?)
}

/// The files of a container, in a directory of its own beside its layers.
pub(super) fn its_files(dir: &str, name: &str, address: &str) -> Result<()> {
    ["", "/upper", "/work", "/root"].iter().try_for_each(|below| fs::mkdir(format!("{dir}{below}")))?;
    fs::create(format!("{dir}/hostname"), format!("{name}\n"))?;
    fs::create(format!("{dir}/hosts"), format!("127.0.0.1 localhost\n{address} {name}\n"))?;
    Ok(fs::create(format!("{dir}/resolv.conf"), "nameserver 10.0.0.1\n")?)
}

/// The layers of a container, at its root, and its own files over the empty ones of the init layer.
pub(super) fn mount_all(dir: &str) -> Result<()> {
    let options = format!("lowerdir=init:image,upperdir={dir}/upper,workdir={dir}/work");
    mount("overlay", format!("{dir}/root"), "overlay", Flags::empty(), &options)?;
    Ok(OWN.iter().try_for_each(|name| bind(format!("{dir}/{name}"), format!("{dir}/root/etc/{name}")))?)
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
