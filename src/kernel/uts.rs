//! The host name, and the NIS domain name beside it.

use super::record::{call, quoted};
use super::{Result, error};

/// `sethostname(2)`: name the host, for everybody in this UTS namespace.
/// <https://man7.org/linux/man-pages/man2/sethostname.2.html>
pub fn sethostname(name: &str) -> Result<()> {
    call("sethostname", || format!("{}, {}", quoted(name), name.len()), || nix::unistd::sethostname(name))
}

/// `setdomainname(2)`: name its NIS domain, for everybody in this UTS namespace.
/// <https://man7.org/linux/man-pages/man2/setdomainname.2.html>
pub fn setdomainname(name: &str) -> Result<()> {
    let set = || rustix::system::setdomainname(name.as_bytes()).map_err(error::errno);
    call("setdomainname", || format!("{}, {}", quoted(name), name.len()), set)
}

/// The version of the kernel: major and minor.
/// <https://man7.org/linux/man-pages/man2/uname.2.html>
pub fn kernel_version() -> (u32, u32) {
    let names = rustix::system::uname();
    let release = names.release().to_string_lossy();
    let mut numbers =
        release.split(|sign: char| !sign.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
