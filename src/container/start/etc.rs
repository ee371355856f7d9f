//! The files of `/etc` that are the container's own: its name, whom it knows by name, and whom it asks for others.
//!
//! Their content is kept in memory, and bound over the empty files of the [init layer](super::init_layer): it is no
//! part of the container layer, and takes no room on the disk.

use std::path::Path;

use super::Plan;
use crate::container::error::Result;
use crate::kernel::fs;
use crate::kernel::mount::bind;

/// `/dev` is there already.
pub(super) fn provide(plan: &Plan) -> Result<()> {
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{}\n",
        plan.hostname
    );
    bind_text("/etc/hostname", &format!("{}\n", plan.hostname))?;
    bind_text("/etc/hosts", &hosts)?;
    bind_text("/etc/resolv.conf", &plan.resolvers)
}

fn bind_text(path: &str, text: &str) -> Result<()> {
    const SOURCE: &str = "/dev/.etc";
    if !Path::new(path).is_file() {
        // A root that has no place for it does without.
        return Ok(());
    }
    fs::create(SOURCE, text)?;
    bind(SOURCE, path)?;
    // The mount holds it, without a name.
    Ok(fs::unlink(SOURCE)?)
}
