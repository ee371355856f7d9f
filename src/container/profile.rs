//! Which system calls a container may make: close to Docker's default profile.
//! <https://docs.docker.com/engine/security/seccomp/>

use crate::kernel::seccomp::Filter;

/// The names, as many to a line as fit, of every architecture: each lacks some of them. What is not here
/// concerns the machine rather than the container: mounts, modules, clocks, other processes' memory, new
/// namespaces.
const ALLOWED: &str = include_str!("syscalls.txt");

/// The names of the system calls that every container may make.
pub fn allowed() -> impl Iterator<Item = &'static str> {
    ALLOWED.split_whitespace()
}

/// The filter of every container.
pub fn default_filter() -> Filter {
    Filter::allowing(allowed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::arch;

    #[test]
    fn the_list_serves_every_architecture() {
        // A younger architecture has only the newest of the calls for a thing, or a name of its own for it.
        const EITHER: [&[&str]; 4] =
            [&["open", "openat"], &["stat", "newfstatat", "fstatat"], &["poll", "ppoll"], &["dup2", "dup3"]];
        for arch in &arch::ALL {
            let calls = (arch.calls)();
            let has = |name: &&str| calls.iter().any(|(_, known)| known == name);
            let allowed: Vec<&str> = ALLOWED.split_whitespace().filter(has).collect();
            assert!(allowed.len() > 250, "{}: {}", arch.name, allowed.len());
            for names in EITHER {
                assert!(names.iter().any(|name| allowed.contains(name)), "{names:?} on {}", arch.name);
            }
            let filter = Filter::compile(arch, ALLOWED.split_whitespace());
            assert_eq!(filter.allowed(), allowed.len() + 1, "{}: the list, and clone", arch.name);
        }
    }
}
