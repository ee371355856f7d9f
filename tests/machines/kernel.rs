//! Debian's kernels: fetched once, unpacked, and put beside an initramfs with the drivers of a virtual machine.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::apt::{Result, Suite, cache, command, output, workshop};
use super::processor;

/// What the initramfs loads and what lessons use; a module that is built in, or that a kernel does not have, is
/// left out.
const MODULES: [&str; 19] = [
    "virtio_pci",
    "virtio_blk",
    "ext4",
    "overlay",
    "loop",
    "btrfs",
    "veth",
    "bridge",
    "macvlan",
    "vxlan",
    "dummy",
    "af_packet",
    "nf_tables",
    "nft_chain_nat",
    "nft_ct",
    "nft_nat",
    "nft_masq",
    "nft_redir",
    "nft_reject_inet",
];

/// Makes the kernel and the initramfs from the unpacked packages.
const PACK: &str = include_str!("pack-kernel.sh");

static FETCHING: Mutex<()> = Mutex::new(());

/// A kernel that can be booted.
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    /// Its modules and a shell, as a cpio archive.
    pub(crate) initramfs: PathBuf,
}

impl Kernel {
    /// The newest one of a series, such as `6.1`, or of all: `newest`.
    pub(crate) fn fetch(series: &str) -> Result<Self> {
        let mut recipe = DefaultHasher::new();
        (MODULES, PACK).hash(&mut recipe);
        let dir = cache()?.join(format!("linux-{series}-{:016x}", recipe.finish()));
        let kernel = Self { image: dir.join("vmlinuz"), initramfs: dir.join("initramfs") };
        // Machines that boot at the same time may want the same one, and the lists of packages are one at a time's.
        let _fetching = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
        if !kernel.initramfs.exists() {
            make(series, &dir).map_err(|error| format!("kernel {series}: {error}"))?;
        }
        Ok(kernel)
    }
}

/// Which suites of Debian have it.
fn suites(series: &str) -> &'static [&'static str] {
    match series {
        "5.10" => &["bullseye"],
        "6.1" => &["bookworm"],
        "6.12" => &["trixie"],
        _ => &["trixie-backports", "sid"],
    }
}

/// `linux-image-6.1.0-10-cloud-…` is (6, 1), if that is this processor's.
fn series_of(package: &str) -> Option<(u32, u32)> {
    let version = package.strip_prefix("linux-image-")?.strip_suffix(processor::here()?.kernel)?;
    let mut numbers = version.split(['.', '-', '+']).map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// The suite and the name of the package with the newest kernel of a series.
fn find(series: &str) -> Result<(Suite, String)> {
    let mut found: Vec<((u32, u32), String, Suite)> = vec![];
    for name in suites(series) {
        let suite = Suite::open(name)?;
        let names =
            suite.names("linux-image-")?.into_iter().filter_map(|name| Some((series_of(&name)?, name)));
        let fits = |&((major, minor), _): &((u32, u32), String)| {
            series == "newest" || series == format!("{major}.{minor}")
        };
        if let Some((version, package)) = names.filter(fits).max_by(newer) {
            found.push((version, package, suite));
        }
    }
    let newest = found.into_iter().max_by_key(|(version, ..)| *version);
    newest.map(|(_, package, suite)| (suite, package)).ok_or_else(|| "no package has it".into())
}

/// By series, and within it by each number in the name: `6.1.0-9` is older than `6.1.0-10`.
fn newer(left: &((u32, u32), String), right: &((u32, u32), String)) -> std::cmp::Ordering {
    let numbers = |name: &str| -> Vec<u64> {
        name.split(|sign: char| !sign.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    (left.0, numbers(&left.1)).cmp(&(right.0, numbers(&right.1)))
}

fn make(series: &str, dir: &Path) -> Result<()> {
    let (suite, image) = find(series)?;
    let mut packages = vec![image.clone()];
    // From Linux 7.2 on the image's package only names those that hold it.
    let split = image.replace("linux-image-", "linux-binary-");
    if suite.names(&split)?.contains(&split) {
        packages = vec![split, image.replace("linux-image-", "linux-modules-")];
    }
    eprintln!("fetching Linux {series}: {}", packages.join(" "));
    let workshop = workshop()?;
    let tree = workshop.path().join("tree");
    suite.unpack(&packages, &tree)?;
    Suite::open("trixie")?.unpack(&["busybox-static".into()], &tree)?;
    let made = workshop.path().join("made");
    output(command("sh").args(["-euc", PACK, "sh"]).arg(&tree).arg(&made).args(MODULES))?;
    fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    for file in ["vmlinuz", "initramfs"] {
        fs::copy(made.join(file), dir.join(file)).map_err(|error| error.to_string())?;
    }
    Ok(())
}
