//! A child that is in its maker's memory until it has become a program: nothing is copied for it, not even a page table.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{CLONE_INTO_CGROUP, clone3_of, exit_now};
use crate::kernel::arch::clone3_into;

/// What the child does; it ends with this number if it has not become a program.
type Child<'a> = &'a mut dyn FnMut() -> i32;

/// `clone3(2)` with `CLONE_VM` and `CLONE_VFORK`: the caller goes on when the child has become a program, or has ended.
///
/// What the child changes in memory is changed for the caller; descriptors and the like are the child's own. So it may
/// close what the caller has open, and drop nothing that the caller is going to drop. The process must have one thread.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn clone3_vfork(flags: u64, cgroup: Option<BorrowedFd>, mut child: Child) -> nix::Result<Pid> {
    let in_cgroup = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = libc::clone_args {
        exit_signal: Signal::SIGCHLD as u64,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
        ..clone3_of(flags | (libc::CLONE_VM | libc::CLONE_VFORK) as u64 | in_cgroup)
    };
    let given = (&raw mut child).cast::<c_void>();
    // SAFETY: `args` is a whole clone_args that outlives the call. The child is on the same stack, where it goes down from
    // here, and it never comes back: the frames above, which it can see, stay as they are unless `child` is to change
    // them. The caller does not go on before it has left.
    let result = unsafe { clone3_into!(&raw const args, size_of::<libc::clone_args>(), begin, given) };
    if result < 0 { Err(Errno::from_raw(-result as i32)) } else { Ok(Pid::from_raw(result as i32)) }
}

/// Where the child begins.
extern "C" fn begin(given: *mut c_void) -> ! {
    // SAFETY: this is the place of `child` in the frame of clone3_vfork, which stands still meanwhile.
    let child = unsafe { &mut *given.cast::<Child>() };
    exit_now(child())
}
