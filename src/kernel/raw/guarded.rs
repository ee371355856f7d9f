//! Calls that want a capability, made so that nothing comes of them where they are granted.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::unistd::Pid;
use nix::{errno::Errno, libc};

use super::{clone3_of, exit_now, own};

/// `open_by_handle_at(2)` of a handle that no file has.
/// <https://man7.org/linux/man-pages/man2/open_by_handle_at.2.html>
pub(crate) fn open_by_handle_at(mount: BorrowedFd) -> nix::Result<()> {
    // A `struct file_handle`: eight bytes of the type FILEID_INO32_GEN, and these.
    let mut handle: [u32; 4] = [8, 1, 0, 0];
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: `handle` is a whole file_handle with as many bytes as it says, which the kernel only reads.
    let result = unsafe { libc::open_by_handle_at(mount.as_raw_fd(), handle.as_mut_ptr().cast(), flags) };
    Errno::result(result).map(|fd| drop(own(fd)))
}

/// `ioctl(FIBMAP)`: which block of its disk the first one of this file is.
/// <https://man7.org/linux/man-pages/man2/ioctl.2.html>
pub(crate) fn fibmap(file: BorrowedFd) -> nix::Result<()> {
    const FIBMAP: libc::Ioctl = 1;
    let mut block: c_int = 0;
    // SAFETY: the kernel reads the number of a block from `block`, and writes another one there.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), FIBMAP, &raw mut block) }).map(drop)
}

/// `shmat(2)` for reading, and `shmdt(2)`.
/// <https://man7.org/linux/man-pages/man2/shmop.2.html>
pub(crate) fn shmat(segment: c_int) -> nix::Result<()> {
    // SAFETY: without an address the kernel chooses one where nothing is yet.
    let address = unsafe { libc::shmat(segment, std::ptr::null(), libc::SHM_RDONLY) };
    if address.addr() == usize::MAX {
        return Err(Errno::last());
    }
    // SAFETY: this is what has just been attached, and nobody has read it.
    Errno::result(unsafe { libc::shmdt(address) }).map(drop)
}

/// `fcntl(F_SETLEASE)`: be told before somebody else writes to this file.
/// <https://man7.org/linux/man-pages/man2/fcntl.2.html>
pub(crate) fn set_lease(file: BorrowedFd) -> nix::Result<()> {
    // SAFETY: this takes a number, and touches no memory.
    Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) }).map(drop)
}

/// `reboot(2)` without the numbers that it wants to be called with.
/// <https://man7.org/linux/man-pages/man2/reboot.2.html>
pub(crate) fn reboot_without_magic() -> nix::Result<()> {
    // SAFETY: a call with other numbers than its magic ones does nothing.
    Errno::result(unsafe { libc::syscall(libc::SYS_reboot, 0, 0, 0, 0) }).map(drop)
}

/// `vhangup(2)`: end whatever uses the terminal of this session.
/// <https://man7.org/linux/man-pages/man2/vhangup.2.html>
pub(crate) fn vhangup() -> nix::Result<()> {
    // SAFETY: it takes nothing, and touches no memory.
    Errno::result(unsafe { libc::syscall(libc::SYS_vhangup) }).map(drop)
}

/// `syslog(SYSLOG_ACTION_SIZE_UNREAD)`: how much of the kernel's log nobody has read.
/// <https://man7.org/linux/man-pages/man2/syslog.2.html>
pub(crate) fn syslog_unread() -> nix::Result<()> {
    const SYSLOG_ACTION_SIZE_UNREAD: c_int = 9;
    // SAFETY: this question needs no buffer.
    let result = unsafe { libc::klogctl(SYSLOG_ACTION_SIZE_UNREAD, std::ptr::null_mut(), 0) };
    Errno::result(result).map(drop)
}

/// `clone3(2)` of a process with a number of one's choice, which ends at once.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub(crate) fn clone3_numbered(pid: Pid) -> nix::Result<()> {
    let number = pid.as_raw();
    let args =
        libc::clone_args { set_tid: (&raw const number).addr() as u64, set_tid_size: 1, ..clone3_of(0) };
    // SAFETY: `args` and `number` outlive the call; the child is a copy, as after fork(2), and ends.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    match Errno::result(result)? {
        0 => exit_now(0),
        // One without a signal at its end is waited for by its kind.
        pid => {
            // SAFETY: the kernel writes no status without a place for it.
            unsafe { libc::waitpid(pid as c_int, std::ptr::null_mut(), libc::__WALL) };
            Ok(())
        }
    }
}

/// `perf_event_open(2)` of a counter in software that tells of namespaces, for this process.
/// <https://man7.org/linux/man-pages/man2/perf_event_open.2.html>
pub(crate) fn perf_event_open() -> nix::Result<()> {
    const PERF_TYPE_SOFTWARE: u32 = 1;
    const PERF_COUNT_SW_DUMMY: u64 = 9;
    /// The bit `namespaces` among those of `struct perf_event_attr`.
    const NAMESPACES: u32 = 28;
    const EXCLUDE_KERNEL: u32 = 5;
    let bit = |nth| if cfg!(target_endian = "big") { 1u64 << (63 - nth) } else { 1u64 << nth };
    // `struct perf_event_attr` up to what Linux 4.1 has: kind and size, config, period, sample, format, flags, and zeros.
    let mut attr = [0u64; 14];
    let size = size_of_val(&attr) as u32;
    let words = [PERF_TYPE_SOFTWARE.to_ne_bytes(), size.to_ne_bytes()].concat();
    attr[0] = u64::from_ne_bytes(words.try_into().unwrap_or_default());
    attr[1] = PERF_COUNT_SW_DUMMY;
    attr[5] = bit(NAMESPACES) | bit(EXCLUDE_KERNEL);
    let cloexec = 1 << 3;
    // SAFETY: `attr` is as long as it says, and the kernel only reads it; it returns a new descriptor.
    let result = unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, cloexec) };
    Errno::result(result).map(|fd| drop(own(fd as c_int)))
}

/// `bpf(BPF_BTF_LOAD)` of a description with nothing in it.
/// <https://man7.org/linux/man-pages/man2/bpf.2.html>
pub(crate) fn bpf_btf_load() -> nix::Result<()> {
    const BPF_BTF_LOAD: c_int = 18;
    let attr = [0u64; 4];
    // SAFETY: `attr` is as long as the call is told, and the kernel only reads it; it returns a new descriptor.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_BTF_LOAD, attr.as_ptr(), size_of_val(&attr)) };
    Errno::result(result).map(|fd| drop(own(fd as c_int)))
}
