//! The host name.

use super::Result;
use super::record::{call, quoted};

/// `sethostname(2)`: name the host, for everybody in this UTS namespace.
/// <https://man7.org/linux/man-pages/man2/sethostname.2.html>
pub fn sethostname(name: &str) -> Result<()> {
    call("sethostname", || format!("{}, {}", quoted(name), name.len()), || nix::unistd::sethostname(name))
}
