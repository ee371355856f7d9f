//! Capabilities: root's power, cut into pieces that can be given up one by one.
//! <https://man7.org/linux/man-pages/man7/capabilities.7.html>

use rustix::thread::{CapabilitySets, set_capabilities};

use super::record::call;
use super::{Errno, Result, error};

pub use rustix::thread::CapabilitySet as Set;

/// What a container's root keeps unless told otherwise: the fourteen of Docker's default.
pub const DOCKER_DEFAULT: Set = Set::CHOWN
    .union(Set::DAC_OVERRIDE)
    .union(Set::FSETID)
    .union(Set::FOWNER)
    .union(Set::MKNOD)
    .union(Set::NET_RAW)
    .union(Set::SETGID)
    .union(Set::SETUID)
    .union(Set::SETFCAP)
    .union(Set::SETPCAP)
    .union(Set::NET_BIND_SERVICE)
    .union(Set::SYS_CHROOT)
    .union(Set::KILL)
    .union(Set::AUDIT_WRITE);

/// The kernel's name of each capability in a set, lowest number first.
pub fn names(set: Set) -> Vec<String> {
    set.iter_names().map(|(name, _)| format!("CAP_{name}")).collect()
}

/// A set in one line, without `CAP_`: `CHOWN KILL`.
pub fn shown(set: Set) -> String {
    set.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// Those of a set that have no name here, by number: they are newer than glassbox.
pub fn unnamed(set: Set) -> Vec<u32> {
    let named = set.iter_names().fold(Set::empty(), |named, (_, capability)| named | capability);
    let rest = set.bits() & !named.bits();
    (0..u64::BITS).filter(|number| rest >> number & 1 == 1).collect()
}

/// `prctl(PR_CAPBSET_DROP)` for every capability outside of `keep`: no program executed later can have them.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn bound(keep: Set) -> Result<()> {
    for capability in Set::all().difference(keep).iter() {
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) => {}
            Ok(false) => continue,                     // gone before us
            Err(rustix::io::Errno::INVAL) => continue, // newer than this kernel
            Err(other) => return call("prctl", || "PR_CAPBSET_READ".into(), || Err(error::errno(other))),
        }
        call(
            "prctl",
            || format!("PR_CAPBSET_DROP, {}", names(capability).join("|")),
            || rustix::thread::remove_capability_from_bounding_set(capability).map_err(error::errno),
        )?;
    }
    Ok(())
}

/// `capset(2)`: keep these as permitted and effective, none as inheritable.
/// <https://man7.org/linux/man-pages/man2/capset.2.html>
pub fn capset(keep: Set) -> Result<()> {
    // A set that is not there to begin with cannot be kept: EPERM.
    let permitted = permitted()? & keep;
    let args = || format!("effective=permitted={{{}}}, inheritable=0", names(permitted).join("|"));
    call("capset", args, || {
        let sets = CapabilitySets { effective: permitted, permitted, inheritable: Set::empty() };
        set_capabilities(None, sets).map_err(error::errno)
    })
}

fn permitted() -> Result<Set> {
    match rustix::thread::capabilities(None) {
        Ok(sets) => Ok(sets.permitted),
        Err(other) => {
            call("capget", String::new, || Err::<(), Errno>(error::errno(other)))?;
            Ok(Set::empty())
        }
    }
}
