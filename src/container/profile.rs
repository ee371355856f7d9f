//! Which system calls a container may make: close to Docker's default profile.
//! <https://docs.docker.com/engine/security/seccomp/>

use crate::kernel::seccomp::Filter;

/// The names, as many to a line as fit. What is not here concerns the machine rather than the container:
/// mounts, modules, clocks, other processes' memory, new namespaces.
const ALLOWED: &str = include_str!("syscalls.txt");

/// The filter of every container.
pub fn default_filter() -> Filter {
    Filter::allowing(ALLOWED.split_whitespace())
}
