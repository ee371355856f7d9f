//! Block devices, as the kernel shows them.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Reading, Result, file, refused};

/// The number of a block device: `7:0`. So it is called where its name does not count.
pub fn number(device: &Path) -> Result<Reading> {
    let meta = metadata(device).map_err(|error| refused(device, &error))?;
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    let name = device.display();
    Ok(Reading::new(format!("number of {name}"), format!("{name} st_rdev"), format!("{major}:{minor}")))
}

/// The loop devices behind which a file of this name is.
pub fn with_file(name: &str) -> Vec<PathBuf> {
    let devices = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let devices = devices.map(|device| Path::new("/dev").join(device.file_name()));
    let has = |device: &PathBuf| {
        // Of one in another mount namespace the kernel shows a part of the path only.
        of_loop(device, "backing_file")
            .is_ok_and(|file| Path::new(&file.text).file_name() == Some(name.as_ref()))
    };
    devices.filter(has).collect()
}

/// What the kernel shows of a loop device; `backing_file` is there only while it has one.
pub fn of_loop(device: &Path, what: &str) -> Result<Reading> {
    let name = device.file_name().unwrap_or_default();
    file(Path::new("/sys/block").join(name).join("loop").join(what))
}
