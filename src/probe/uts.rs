//! What the reader's own UTS namespace says of the machine.

use super::{Reading, Result, file};

/// The host name.
pub fn host_name() -> Result<Reading> {
    file("/proc/sys/kernel/hostname")
}

/// The NIS domain name; the kernel begins with `(none)`.
pub fn domain_name() -> Result<Reading> {
    file("/proc/sys/kernel/domainname")
}

/// The release of the kernel.
pub fn release() -> Result<Reading> {
    Ok(file("/proc/sys/kernel/osrelease")?.varying())
}
