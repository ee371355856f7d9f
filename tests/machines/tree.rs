//! The file system of the virtual machines: a small Debian with systemd, made once, without root.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::apt::{MIRROR, Result, cache, command, output, workshop};

const SUITE: &str = "trixie";

/// systemd with logins, what labs are done with, AppArmor, and somebody else's container runtime.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,login,util-linux,procps,kmod,\
                        iproute2,hostname,apparmor,crun,e2fsprogs,btrfs-progs,nftables";

/// Puts the finished tree into the disk image; `/proc` and the like are mounted in the tree at that moment, and a
/// bind mount leaves them out.
const PACK: &str = r#"#!/bin/sh
set -e
cd "$(dirname "$0")"
chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash learner
mount --bind "$1" tree
mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -m 0 -d tree disk
umount tree
"#;

/// The disk image with the tree.
pub(crate) fn disk() -> Result<PathBuf> {
    let mut recipe = DefaultHasher::new();
    (SUITE, PACKAGES, PACK).hash(&mut recipe);
    let disk = cache()?.join(format!("{SUITE}-{:016x}.ext4", recipe.finish()));
    if !disk.exists() {
        make(&disk).map_err(|error| format!("a Debian tree: {error}"))?;
    }
    Ok(disk)
}

fn make(disk: &Path) -> Result<()> {
    const SIZE: u64 = 3 << 30;
    eprintln!("making a Debian tree: {SUITE}");
    let cannot = |error: std::io::Error| error.to_string();
    // An ordinary user makes it as root of a user namespace, to whom only what is open to all is open.
    let workshop = workshop()?;
    let [image, tree, pack] = ["disk", "tree", "pack"].map(|name| workshop.path().join(name));
    fs::File::create(&image).and_then(|file| file.set_len(SIZE)).map_err(cannot)?;
    fs::create_dir(&tree).map_err(cannot)?;
    fs::write(&pack, PACK).map_err(cannot)?;
    for (path, mode) in [(workshop.path(), 0o755), (&image, 0o666), (&tree, 0o777), (&pack, 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(cannot)?;
    }
    let mut mmdebstrap = command("mmdebstrap");
    mmdebstrap.args(["--quiet", "--variant=minbase", "--format=null", "--include", PACKAGES]);
    for left_out in ["man", "locale", "doc"] {
        mmdebstrap.arg(format!("--dpkgopt=path-exclude=/usr/share/{left_out}/*"));
    }
    mmdebstrap.args(["--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\""]);
    mmdebstrap.arg(format!("--customize-hook={}", pack.display()));
    mmdebstrap.args([SUITE, "-", &format!("deb {MIRROR} {SUITE} main")]);
    output(&mut mmdebstrap)?;
    // Whoever is interrupted leaves no half a tree under the name of a whole one.
    let new = disk.with_extension("new");
    output(command("cp").args(["--sparse=always"]).arg(&image).arg(&new))?;
    fs::rename(&new, disk).map_err(cannot)
}
