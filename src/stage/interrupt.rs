//! Signals that end glassbox: the terminal becomes sane, and the host as it was, before it is gone.
//!
//! Only async-signal-safe calls are made here, and no thread waits for signals: a process that is going to
//! make user namespaces must have a single one.

use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::sys::wait::waitpid;

use crate::kernel::{Pid, raw};

const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";

static PERFORMER: AtomicI32 = AtomicI32::new(0);
static JANITOR: AtomicI32 = AtomicI32::new(0);
static ALIVE: AtomicI32 = AtomicI32::new(-1);

/// Whether Ctrl-C is meant for a program that has the terminal now.
static DEAF: AtomicBool = AtomicBool::new(false);

/// Whether a menu has hidden the cursor. Where nothing did, no escape code is written: they may be unwanted.
static CURSOR_HIDDEN: AtomicBool = AtomicBool::new(false);

/// The terminal's settings as they were when glassbox started.
static SAVED: OnceLock<nix::libc::termios> = OnceLock::new();

/// From here on a signal that ends glassbox leaves nothing behind.
pub fn guard() -> nix::Result<()> {
    if let Ok(settings) = tcgetattr(std::io::stdin()) {
        // Set once; a second call keeps the first.
        let _ = SAVED.set(settings.into());
    }
    raw::on_signals(&ENDING, on_signal)
}

/// For commands with nothing to clean up: end, as programs do, when nobody reads the output any more.
pub fn end_with_output() -> nix::Result<()> {
    raw::default_signals(&[Signal::SIGPIPE])
}

/// For children: signals do what they do by default.
pub(super) fn unguard() -> nix::Result<()> {
    raw::default_signals(&ENDING)
}

/// A run begins: whom to end, and for whom to wait, when a signal comes.
pub(super) fn run_begins(performer: Pid, janitor: Pid, alive: RawFd) {
    ALIVE.store(alive, Ordering::SeqCst);
    JANITOR.store(janitor.as_raw(), Ordering::SeqCst);
    PERFORMER.store(performer.as_raw(), Ordering::SeqCst);
}

/// The performer was ended, and its number is going to be free.
pub(super) fn lesson_ends() {
    PERFORMER.store(0, Ordering::SeqCst);
}

/// The run is over, and everything was removed.
pub(super) fn run_ends() {
    JANITOR.store(0, Ordering::SeqCst);
    ALIVE.store(-1, Ordering::SeqCst);
}

/// A menu is about to hide the cursor.
pub fn cursor_will_hide() {
    CURSOR_HIDDEN.store(true, Ordering::SeqCst);
}

/// Show the cursor, and give the terminal the settings that it had.
pub fn restore_terminal() {
    let Some(settings) = SAVED.get() else { return };
    let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &Termios::from(*settings));
    if CURSOR_HIDDEN.swap(false, Ordering::SeqCst) {
        let _ = nix::unistd::write(std::io::stdout(), SHOW_CURSOR);
    }
}

/// Leave Ctrl-C to a program that has the terminal, until this is said again with `false`.
pub(super) fn leave_ctrl_c(deaf: bool) {
    DEAF.store(deaf, Ordering::SeqCst);
}

extern "C" fn on_signal(number: i32) {
    if number == Signal::SIGINT as i32 && DEAF.load(Ordering::SeqCst) {
        return;
    }
    restore_terminal();
    let performer = PERFORMER.swap(0, Ordering::SeqCst);
    if performer > 0 {
        let _ = kill(Pid::from_raw(performer), Signal::SIGKILL);
    }
    let janitor = JANITOR.swap(0, Ordering::SeqCst);
    if janitor > 0 {
        // The janitor waits until nobody holds this pipe any more.
        let _ = nix::unistd::close(ALIVE.load(Ordering::SeqCst));
        let _ = waitpid(Pid::from_raw(janitor), None);
    }
    raw::exit_now(128 + number);
}
