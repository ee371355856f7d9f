//! What the lesson uses and is not about.

use crate::kernel::fs;
use crate::kernel::process::{Ended, getpid};
use crate::probe::Reading;
use crate::probe::files::{kind, length};
use crate::probe::layers::{disk_use, tree};
use crate::stage::{Error, Result, Stage};

/// Where our store is, and where the other machine has its own.
pub(super) const HERE: &str = "here/glassbox/images";
/// Blobs, below a store and below what a registry keeps.
const BLOBS: &str = "blobs/sha256";

const SCRIPT: &str = "FROM tiny\nCOPY page /srv/page\nCMD [\"cat\", \"/srv/page\"]\n";

pub(super) fn a_context() -> Result<()> {
    fs::mkdir("context")?;
    fs::create("context/Dockerfile", SCRIPT)?;
    write_page(1)
}

pub(super) fn write_page(version: usize) -> Result<()> {
    Ok(fs::create("context/page", format!("version {version}\n"))?)
}

/// Run our own program to a good end; what it wrote.
pub(super) fn glassbox(stage: &Stage, home: &str, args: &[&str]) -> Result<String> {
    let ran = stage.glassbox(home, args)?;
    match ran.ended {
        Ended::Exited(0) => Ok(ran.text),
        ended => Err(Error::Lesson(format!("glassbox {} {ended}: {}", args.join(" "), ran.text))),
    }
}

/// The number of an image: the digest of its configuration, which has the digests of all its layers in it.
pub(super) fn number_of(stage: &Stage, home: &str, image: &str) -> Result<Reading> {
    let inspected = stage.backstage(|| glassbox(stage, home, &["image", "inspect", image]))?;
    let number =
        inspected.split("\"Id\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    Ok(Reading::new(format!("{image}, {home}"), "glassbox image inspect", number).varying())
}

/// The names of all images in a store.
pub(super) fn images(stage: &Stage, home: &str) -> Result<Vec<String>> {
    let list = stage.backstage(|| glassbox(stage, home, &["images", "-q"]))?;
    Ok(list.lines().map(String::from).collect())
}

/// What `push` has done.
pub(super) struct Pushed {
    /// How many blobs there are in the store, and how many of them were sent.
    pub(super) all: usize,
    pub(super) sent: Vec<String>,
    pub(super) bytes: u64,
}

/// What a push to a registry does: ask for each blob whether it is there, and send those that are not; then the
/// index, by which they are found.
pub(super) fn push() -> Result<Pushed> {
    let all = tree(format!("{HERE}/{BLOBS}"))?;
    let missing = |name: &&String| kind(format!("registry/{BLOBS}/{name}")).is_err();
    let sent: Vec<String> = all.iter().filter(missing).cloned().collect();
    let mut bytes = 0;
    for name in &sent {
        bytes += length(format!("{HERE}/{BLOBS}/{name}"))?.innermost().unwrap_or(0);
        fs::copy(format!("{HERE}/{BLOBS}/{name}"), format!("registry/{BLOBS}/{name}"))?;
    }
    for file in ["index.json", "oci-layout"] {
        fs::copy(format!("{HERE}/{file}"), format!("registry/{file}"))?;
    }
    Ok(Pushed { all: all.len(), sent, bytes })
}

pub(super) fn a_registry() -> Result<()> {
    Ok(["registry", "registry/blobs", "registry/blobs/sha256"].iter().try_for_each(fs::mkdir)?)
}

/// The smallest of these blobs that is no JSON: a layer.
pub(super) fn layer_of(sent: &[String]) -> Result<String> {
    let path = |name: &String| format!("registry/{BLOBS}/{name}");
    let is_json =
        |name: &&String| crate::probe::file(path(name)).is_ok_and(|blob| blob.text.starts_with('{'));
    let layer = sent.iter().find(|name| !is_json(name));
    layer.map(path).ok_or_else(|| Error::Lesson("no layer was sent".into()))
}

/// How many bytes the files below a directory take.
pub(super) fn bytes(dir: &str) -> Result<Reading> {
    let text = disk_use(dir)?.to_string();
    Ok(Reading::new(dir, format!("{dir} and below, st_blocks"), text).varying())
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
