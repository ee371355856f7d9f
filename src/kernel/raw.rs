//! All `unsafe` of the library is in here and in `raw/`: calls for which the libraries have no safe function.

#![allow(unsafe_code, reason = "fenced here; every block says why it is sound")]

pub(super) mod guarded;
mod interface;
mod vfork;

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{ForkResult, Pid};
use nix::{errno::Errno, libc};

pub(crate) use interface::{has_carrier, interface_up};
pub use vfork::clone3_vfork;

/// `CLONE_INTO_CGROUP` of `linux/sched.h`: it does not fit into the int of the C library.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// `clone3(2)` with the stack shared copy-on-write, as `fork` does it: `None` is the child.
///
/// The process must have one thread: another one's locks would stay locked in the child for ever.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn clone3(
    flags: u64,
    exit_signal: Option<Signal>,
    cgroup: Option<BorrowedFd>,
) -> nix::Result<Option<Pid>> {
    let in_cgroup = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = libc::clone_args {
        exit_signal: exit_signal.map_or(0, |signal| signal as u64),
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
        ..clone3_of(flags | in_cgroup)
    };
    // SAFETY: `args` is a whole clone_args that outlives the call. Without CLONE_VM the child gets its own
    // copy of the address space and returns on the same stack, as after fork(2).
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    match Errno::result(result)? {
        0 => Ok(None),
        pid => Ok(Some(Pid::from_raw(pid as i32))),
    }
}

/// What `clone3` wants to know: these flags, and nothing else.
fn clone3_of(flags: u64) -> libc::clone_args {
    libc::clone_args {
        flags,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    }
}

/// `fork(2)` for the engine's own helpers, which are not part of any lesson: `None` is the child.
pub fn fork() -> nix::Result<Option<Pid>> {
    // SAFETY: glassbox has one thread wherever it forks, so no lock can be held by another one.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => Ok(None),
        ForkResult::Parent { child } => Ok(Some(child)),
    }
}

/// `_exit(2)`: leave a forked child without running the parent's exit handlers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// The beginning of a file, mapped into memory to be read. It is unmapped when it is dropped.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<c_void>,
    length: usize,
}

/// `mmap(2)` with `PROT_READ` and `MAP_SHARED`.
/// <https://man7.org/linux/man-pages/man2/mmap.2.html>
pub fn mmap(file: BorrowedFd, length: usize) -> nix::Result<Mapping> {
    let (anywhere, fd) = (std::ptr::null_mut(), file.as_raw_fd());
    // SAFETY: without an address the kernel chooses one where nothing is yet.
    let address = unsafe { libc::mmap(anywhere, length, libc::PROT_READ, libc::MAP_SHARED, fd, 0) };
    if address == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    NonNull::new(address).map(|address| Mapping { address, length }).ok_or(Errno::ENOMEM)
}

impl Mapping {
    /// What is in the memory now; the file must still be as long as what was mapped of it.
    pub fn read(&self) -> Vec<u8> {
        let first = self.address.as_ptr().cast::<u8>();
        // SAFETY: `length` bytes are mapped from there on, and readable. Whoever writes to the file changes
        // them, so each is read once, and for good.
        (0..self.length).map(|at| unsafe { first.add(at).read_volatile() }).collect()
    }
}

impl std::fmt::Display for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:p}", self.address)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is what mmap(2) mapped, and nothing borrows from it.
        unsafe { libc::munmap(self.address.as_ptr(), self.length) };
    }
}

/// `seccomp(SECCOMP_SET_MODE_FILTER)`: from here on the kernel runs `program` at every system call.
/// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
pub fn seccomp_set_filter(program: &[libc::sock_filter]) -> nix::Result<()> {
    let Ok(len) = u16::try_from(program.len()) else { return Err(Errno::EINVAL) };
    let prog = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: `prog` points at `len` instructions; the kernel copies them, and writes nothing there.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const prog) };
    Errno::result(result).map(drop)
}

/// `rt_sigaction(2)`: every signal does what it does by default. A program would start with those ignored that its maker
/// ignores.
/// <https://man7.org/linux/man-pages/man7/signal.7.html>
pub(crate) fn reset_signals() {
    const SIGNALS: std::ffi::c_int = 64;
    // A `struct sigaction` of the kernel's, whatever the processor: no handler, no flags, no mask.
    let default = [0u64; 8];
    for signal in 1..=SIGNALS {
        // SAFETY: the kernel reads a whole sigaction, and takes SIG_DFL from it; of the two signals whose action nobody can
        // change it says so.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), 0, size_of::<u64>()) };
    }
}

/// `ioctl(NS_GET_USERNS)`: the user namespace that a namespace belongs to.
/// <https://man7.org/linux/man-pages/man2/ioctl_nsfs.2.html>
pub(crate) fn namespace_owner(namespace: BorrowedFd) -> nix::Result<OwnedFd> {
    // SAFETY: this request takes no argument; it returns a new descriptor.
    let result = unsafe { libc::ioctl(namespace.as_raw_fd(), libc::NS_GET_USERNS) };
    Errno::result(result).map(own)
}

/// `struct loop_config` of `linux/loop.h`, with the members of the `struct loop_info64` in it.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    device_inode_rdevice_offset_limit: [u64; 5],
    number_and_encryption: [u32; 3],
    flags: u32,
    names_and_keys: [u8; 160],
    init: [u64; 2],
    reserved: [u64; 8],
}

/// `ioctl(LOOP_CTL_GET_FREE)`: the number of a loop device that has no file.
/// <https://man7.org/linux/man-pages/man4/loop.4.html>
pub(crate) fn loop_get_free(control: BorrowedFd) -> nix::Result<u32> {
    const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
    // SAFETY: this request takes no argument; it returns a number.
    let result = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
    Errno::result(result).map(|number| number as u32)
}

/// `ioctl(LOOP_CONFIGURE)`: put a file behind a loop device, all of it and as it is.
/// <https://man7.org/linux/man-pages/man4/loop.4.html>
pub(crate) fn loop_configure(device: BorrowedFd, file: BorrowedFd, flags: u32) -> nix::Result<()> {
    const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
    let config = LoopConfig {
        fd: file.as_raw_fd() as u32,
        block_size: 0,
        device_inode_rdevice_offset_limit: [0; 5],
        number_and_encryption: [0; 3],
        flags,
        names_and_keys: [0; 160],
        init: [0; 2],
        reserved: [0; 8],
    };
    // SAFETY: `config` is a whole loop_config, which the kernel reads before it returns.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) }).map(drop)
}

/// `struct btrfs_ioctl_vol_args` of `linux/btrfs.h`.
#[repr(C)]
struct BtrfsVolume {
    fd: i64,
    name: [u8; 4088],
}

/// `ioctl(BTRFS_IOC_SUBVOL_CREATE)`: make an empty subvolume.
pub(crate) fn btrfs_subvolume_create(dir: BorrowedFd, name: &str) -> nix::Result<()> {
    btrfs(dir, nix::request_code_write!(0x94, 14, size_of::<BtrfsVolume>()), name, 0)
}

/// `ioctl(BTRFS_IOC_SNAP_CREATE)`: make a subvolume of what another one has.
pub(crate) fn btrfs_snapshot_create(dir: BorrowedFd, name: &str, of: BorrowedFd) -> nix::Result<()> {
    btrfs(dir, nix::request_code_write!(0x94, 1, size_of::<BtrfsVolume>()), name, of.as_raw_fd())
}

/// `ioctl(BTRFS_IOC_SNAP_DESTROY)`: remove a subvolume.
pub(crate) fn btrfs_snapshot_destroy(dir: BorrowedFd, name: &str) -> nix::Result<()> {
    btrfs(dir, nix::request_code_write!(0x94, 15, size_of::<BtrfsVolume>()), name, 0)
}

fn btrfs(dir: BorrowedFd, request: libc::c_ulong, name: &str, fd: RawFd) -> nix::Result<()> {
    let mut volume = BtrfsVolume { fd: fd.into(), name: [0; 4088] };
    // The last byte stays zero: the name ends there at the latest.
    let Some(place) = volume.name.get_mut(..name.len()).filter(|place| place.len() < 4088) else {
        return Err(Errno::ENAMETOOLONG);
    };
    place.copy_from_slice(name.as_bytes());
    // SAFETY: `volume` is a whole btrfs_ioctl_vol_args, which the kernel reads before it returns.
    Errno::result(unsafe { libc::ioctl(dir.as_raw_fd(), request as libc::Ioctl, &raw const volume) })
        .map(drop)
}

/// `shmget(2)`: the number of the shared memory segment with this key.
/// <https://man7.org/linux/man-pages/man2/shmget.2.html>
pub fn shmget(key: i32, size: usize, flags: c_int) -> nix::Result<c_int> {
    // SAFETY: shmget takes numbers and touches no memory.
    Errno::result(unsafe { libc::shmget(key, size, flags) })
}

/// `semget(2)`: the number of the semaphore set with this key.
/// <https://man7.org/linux/man-pages/man2/semget.2.html>
pub fn semget(key: i32, count: c_int, flags: c_int) -> nix::Result<c_int> {
    // SAFETY: semget takes numbers and touches no memory.
    Errno::result(unsafe { libc::semget(key, count, flags) })
}

/// `msgget(2)`: the number of the message queue with this key.
/// <https://man7.org/linux/man-pages/man2/msgget.2.html>
pub fn msgget(key: i32, flags: c_int) -> nix::Result<c_int> {
    // SAFETY: msgget takes numbers and touches no memory.
    Errno::result(unsafe { libc::msgget(key, flags) })
}

/// `msgsnd(2)`: put a message of type 1 into a queue.
/// <https://man7.org/linux/man-pages/man2/msgop.2.html>
pub fn msgsnd(queue: c_int, text: &[u8]) -> nix::Result<()> {
    let mut message = (1 as libc::c_long).to_ne_bytes().to_vec();
    message.extend_from_slice(text);
    // SAFETY: `message` is a msgbuf as the kernel reads it: a long, then `text.len()` bytes.
    Errno::result(unsafe { libc::msgsnd(queue, message.as_ptr().cast(), text.len(), 0) }).map(drop)
}

/// `prctl(PR_SET_PDEATHSIG)`: which signal this process gets when its parent dies; `None` for none.
/// <https://man7.org/linux/man-pages/man2/prctl.2.html>
pub fn set_parent_death_signal(signal: Option<Signal>) -> nix::Result<()> {
    let number = signal.map_or(0, |signal| signal as c_int);
    // SAFETY: PR_SET_PDEATHSIG takes a number and touches no memory.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) }).map(drop)
}

/// `close_range(2)` with `CLOSE_RANGE_CLOEXEC`: no descriptor from `first` on outlives the next `execve`.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub(crate) fn close_range_on_exec(first: u32) -> nix::Result<()> {
    const CLOSE_RANGE_CLOEXEC: c_int = 1 << 2;
    // SAFETY: descriptors stay open and get a flag; no memory is touched.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    match Errno::result(result) {
        // Linux 5.10 has the call without that flag, and older ones have no such call.
        Err(Errno::EINVAL | Errno::ENOSYS) => mark_each_on_exec(first),
        done => done.map(drop),
    }
}

/// The same, one after the other.
fn mark_each_on_exec(first: u32) -> nix::Result<()> {
    let open = std::fs::read_dir("/proc/self/fd").map_err(|error| super::error::io_errno(&error))?;
    let numbers: Vec<c_int> =
        open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number >= first as c_int) {
        // SAFETY: this sets a flag of a descriptor. That of the listing itself is closed by now, which is no matter.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// `close_range(2)`: close every descriptor from `first` to `last`. For a process that uses none of them any more, and
/// that ends without closing them again.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub(crate) fn close_range(first: u32, last: u32) -> nix::Result<()> {
    // SAFETY: no memory is touched, and the caller lets go of everything that thinks it owns one of them.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}

/// `madvise(MADV_DONTNEED)` of the program's code: a process that will mostly sleep needs none of it in memory, and the
/// kernel brings back what it does need.
/// <https://man7.org/linux/man-pages/man2/madvise.2.html>
pub(crate) fn forget_code() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [range, permissions, offset, _, _, path] = fields.as_slice() else { continue };
        // Where a file begins there are its headers; what the loader has written into stands further on.
        let is_clean =
            *permissions == "r-xp" || (*permissions == "r--p" && offset.bytes().all(|sign| sign == b'0'));
        let ends = range.split_once('-').and_then(|(from, to)| {
            Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
        });
        if let (true, true, Some((from, to))) = (is_clean, path.starts_with('/'), ends) {
            // SAFETY: these pages are those of a file, mapped privately and never written to: they are read again
            // from that file, with the same content, when they are used again.
            unsafe { libc::madvise(from as *mut c_void, to - from, libc::MADV_DONTNEED) };
        }
    }
}

/// `ioctl(TIOCSCTTY)`: make a terminal the controlling one of this session, which must have none.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub(crate) fn set_controlling_terminal(terminal: BorrowedFd) -> nix::Result<()> {
    // SAFETY: this request takes a number; 0 steals the terminal from nobody.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY as libc::Ioctl, 0) }).map(drop)
}

/// `ioctl(TIOCGPTPEER)`: open the other end of a pseudo-terminal, whatever path leads to it.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub(crate) fn pty_peer(master: BorrowedFd) -> nix::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: this request takes flags as open(2) does; it returns a new descriptor.
    Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as libc::Ioctl, flags) })
        .map(own)
}

/// `ioctl(TIOCSPTLCK)`: let the other end of a pseudo-terminal be opened.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub(crate) fn unlock_pty(master: BorrowedFd) -> nix::Result<()> {
    let unlocked: c_int = 0;
    // SAFETY: the kernel reads an int from `unlocked`.
    let result =
        unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK as libc::Ioctl, &raw const unlocked) };
    Errno::result(result).map(drop)
}

/// `ioctl(TIOCGWINSZ)` and `ioctl(TIOCSWINSZ)`: give a terminal the size that another one has.
/// <https://man7.org/linux/man-pages/man2/ioctl_tty.2.html>
pub(crate) fn copy_window_size(from: BorrowedFd, to: BorrowedFd) -> nix::Result<()> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes the whole of `size`, and then reads it.
    unsafe {
        Errno::result(libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ as libc::Ioctl, &raw mut size))?;
        Errno::result(libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ as libc::Ioctl, &raw const size)).map(drop)
    }
}

/// `sigaction(2)`: run `handler` when one of `signals` arrives. Another one of them waits until it is through.
///
/// `handler` must do only what `signal-safety(7)` allows.
pub fn on_signals(signals: &[Signal], handler: extern "C" fn(c_int)) -> nix::Result<()> {
    let meanwhile = SigSet::from_iter(signals.iter().copied());
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), meanwhile);
    for signal in signals {
        // SAFETY: the callers' handlers use only async-signal-safe calls and atomics.
        unsafe { sigaction(*signal, &action)? };
    }
    Ok(())
}

/// `sigaction(2)`: give `signals` back to the kernel's default.
pub fn default_signals(signals: &[Signal]) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in signals {
        // SAFETY: the default disposition runs no code of ours.
        unsafe { sigaction(*signal, &action)? };
    }
    Ok(())
}

/// Own a descriptor that the kernel has just passed to this process (`SCM_RIGHTS`).
pub(crate) fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the callers pass a number that recvmsg has just returned and that nothing else owns.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
