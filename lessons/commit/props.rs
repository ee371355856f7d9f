//! What the lesson uses and is not about.

use std::collections::BTreeSet;
use std::path::Path;

use crate::image::{Digest, Layer, Users, changes};
use crate::kernel::fs;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::process::getpid;
use crate::probe::Reading;
use crate::probe::files::{fingerprint, is_whiteout};
use crate::probe::layers::tree;
use crate::stage::{Result, Stage};

/// A base image of one layer, and the directories of a container.
pub(super) fn a_base() -> Result<()> {
    let dirs = ["layers", "layers/base", "layers/base/bin", "layers/base/etc", "images", "web", "root"];
    dirs.iter().try_for_each(fs::mkdir)?;
    fs::create_filled("layers/base/bin/sh", 64 << 10)?;
    fs::create("layers/base/etc/release", "base 1\n")?;
    fs::create("layers/base/etc/motd", "welcome\n")?;
    note(1, &["base".into()])
}

/// Write down the layers of a version, the lowest first: that is all that an image is, besides them.
pub(super) fn note(version: usize, layers: &[String]) -> Result<()> {
    Ok(fs::create(format!("images/{version}"), layers.join(" ") + "\n")?)
}

fn lowerdir(layers: &[String]) -> String {
    let paths: Vec<String> = layers.iter().rev().map(|layer| format!("layers/{layer}")).collect();
    format!("lowerdir={}", paths.join(":"))
}

/// A container of these layers, the lowest first, with an empty upper directory.
pub(super) fn mount_container(layers: &[String]) -> Result<()> {
    ["web/upper", "web/work"].iter().filter(|dir| !Path::new(dir).exists()).try_for_each(fs::mkdir)?;
    // What the last word says is what the kernel does without it; distributions can build it otherwise.
    let options = format!("{},upperdir=web/upper,workdir=web/work,metacopy=off", lowerdir(layers));
    Ok(mount("overlay", "root", "overlay", Flags::empty(), &options)?)
}

/// An image of these layers, to be looked at. Where there is only one, an overlay of it and of nothing.
pub(super) fn mount_image(dir: &str, layers: &[String]) -> Result<()> {
    fs::mkdir(dir)?;
    let nothing = if layers.len() == 1 { ":nothing" } else { "" };
    Ok(mount("overlay", dir, "overlay", Flags::empty(), &format!("{}{nothing}", lowerdir(layers)))?)
}

/// What an upper directory says of the layers below it, as `docker diff` lists it.
pub(super) fn changes(upper: &str, below: &[String]) -> Result<Reading> {
    let layer = |name: &String| Layer {
        diff_id: Digest::of(name.as_bytes()),
        path: format!("layers/{name}").into(),
        size: 0,
        archive: 0,
    };
    let layers: Vec<Layer> = below.iter().map(layer).collect();
    let found = changes::of_upper(&Users::of_caller(), Path::new(upper), &layers, &BTreeSet::new())?;
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    Ok(Reading::new(upper, format!("{upper} and below, beside the layers"), lines.join("  ")))
}

/// The name that a layer gets: the hash of what is in it.
pub(super) fn name_of(dir: &str) -> Result<String> {
    Ok(fingerprint(dir)?.text)
}

/// A copy of an upper directory, marks and all.
pub(super) fn copy_layer(from: &str, to: &str) -> Result<()> {
    fs::mkdir(to)?;
    for path in tree(from)? {
        let (source, target) = (format!("{from}/{path}"), format!("{to}/{path}"));
        let parents: Vec<&Path> = Path::new(&target).ancestors().skip(1).collect();
        parents
            .into_iter()
            .rev()
            .filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
            .try_for_each(fs::mkdir)?;
        if is_whiteout(Path::new(&source)) { fs::mknod(target, 0, 0)? } else { fs::copy(source, target)? }
    }
    Ok(())
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
