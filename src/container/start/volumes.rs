//! Volumes and file systems in memory, at places that are looked for inside of the container's root and nowhere else.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use crate::container::error::{Error, Result, doing};
use crate::container::spec::{Mount, MountKind, Spec};
use crate::kernel::at::{OFlags, ResolveFlags, mkdirat, openat2};
use crate::kernel::mount::{Flags, mount as kmount, move_mount};
use crate::kernel::{Errno, fs};

/// Mount all of them, then make the root read-only if that is wanted. `/proc` is mounted already.
pub(super) fn mount(spec: &Spec, sources: &[Option<OwnedFd>]) -> Result<()> {
    if !spec.mounts.is_empty() {
        let root = fs::open("/")?;
        for (mount, source) in spec.mounts.iter().zip(sources) {
            mount_one(&root, mount, source.as_ref())?;
        }
    }
    if spec.read_only {
        let flags = Flags::MS_BIND | Flags::MS_REMOUNT | Flags::MS_RDONLY | Flags::MS_NODEV;
        kmount("", "/", "", flags, "")?;
    }
    Ok(())
}

fn mount_one(root: &OwnedFd, mount: &Mount, source: Option<&OwnedFd>) -> Result<()> {
    let target = &mount.target;
    let Some(source) = source else {
        let MountKind::Tmpfs(options) = &mount.kind else { return Ok(()) };
        let place = directory(root, target)?;
        let (mut flags, options) = tmpfs_options(options);
        if mount.read_only {
            flags |= Flags::MS_RDONLY;
        }
        return Ok(kmount("tmpfs", by_number(&place), "tmpfs", flags, &options)?);
    };
    let is_dir = doing("cannot look at a volume", std::fs::metadata(by_number(source)))?.is_dir();
    let place = if is_dir { directory(root, target)? } else { file(root, target)? };
    move_mount(source, &place)?;
    if mount.read_only || is_dir {
        // Opened before, it stands for what is below the mount.
        let mounted = find(root, target)?;
        let mut flags = Flags::MS_BIND | Flags::MS_REMOUNT | kept_flags(&mounted)?;
        flags.set(Flags::MS_RDONLY, mount.read_only);
        // What is made in it is no device of the machine's. Who gives a device by its name means it.
        flags.set(Flags::MS_NODEV, is_dir || flags.contains(Flags::MS_NODEV));
        kmount("", by_number(&mounted), "", flags, "")?;
    }
    Ok(())
}

/// In a user namespace flags that the host's mount has cannot be taken away.
fn kept_flags(mounted: &OwnedFd) -> Result<Flags> {
    use nix::sys::statvfs::{FsFlags, fstatvfs};
    let stat = fstatvfs(mounted.as_fd());
    let has = doing("cannot look at a volume", stat.map_err(Into::into))?.flags();
    let pairs = [
        (FsFlags::ST_NOSUID, Flags::MS_NOSUID),
        (FsFlags::ST_NODEV, Flags::MS_NODEV),
        (FsFlags::ST_NOEXEC, Flags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, Flags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, Flags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, Flags::MS_RELATIME),
    ];
    Ok(pairs.into_iter().filter(|(is, _)| has.contains(*is)).map(|(_, flag)| flag).collect())
}

/// Options as docker takes them: flags of the mount, and those of tmpfs.
fn tmpfs_options(options: &str) -> (Flags, String) {
    let mut flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
    let mut rest = vec![];
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => flags |= Flags::MS_RDONLY,
            "rw" => {}
            "exec" => flags -= Flags::MS_NOEXEC,
            "suid" => flags -= Flags::MS_NOSUID,
            "dev" => flags -= Flags::MS_NODEV,
            "noexec" => flags |= Flags::MS_NOEXEC,
            "nosuid" => flags |= Flags::MS_NOSUID,
            "nodev" => flags |= Flags::MS_NODEV,
            other => rest.push(other),
        }
    }
    if !rest.iter().any(|option| option.starts_with("mode=")) {
        rest.push("mode=1777");
    }
    (flags, rest.join(","))
}

/// What a descriptor stands for, as a path that leads nowhere else.
fn by_number(fd: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// A path of the container, whatever links are in it.
fn find(root: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    Ok(openat2(root.as_fd(), below, OFlags::PATH, 0, ResolveFlags::IN_ROOT)?)
}

/// A directory of the container, made if it is not there.
pub(super) fn directory(root: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    match find(root, path) {
        Err(Error::Kernel(error)) if error.errno == Errno::ENOENT => {}
        found => return found,
    }
    let mut below = PathBuf::from("/");
    for name in path.components().filter(|part| matches!(part, Component::Normal(_))) {
        let parent = find(root, &below)?;
        below.push(name);
        match mkdirat(parent.as_fd(), Path::new(&name), 0o755) {
            Err(error) if error.errno == Errno::EEXIST => {}
            made => made?,
        }
    }
    find(root, path)
}

/// A file of the container to bind another one over, made if it is not there.
fn file(root: &OwnedFd, path: &Path) -> Result<OwnedFd> {
    match find(root, path) {
        Err(Error::Kernel(error)) if error.errno == Errno::ENOENT => {}
        found => return found,
    }
    let parent = directory(root, path.parent().unwrap_or(Path::new("/")))?;
    let name = Path::new(path.file_name().unwrap_or_default());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
    drop(File::from(openat2(parent.as_fd(), name, flags, 0o644, ResolveFlags::IN_ROOT)?));
    find(root, path)
}
