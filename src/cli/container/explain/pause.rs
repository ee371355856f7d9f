//! A key between two parts, from the terminal itself: standard input may be the container's.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// The terminal. In the maker it gets its settings back when this is dropped, whatever became of the container.
pub(super) struct Keyboard {
    terminal: File,
    settings: Termios,
    /// Whether there are pauses from here on.
    waits: bool,
}

const CTRL_C: u8 = 3;

impl Keyboard {
    /// If somebody sits at one, and sees what is shown.
    pub(super) fn find() -> Option<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        let settings = tcgetattr(&terminal).ok()?;
        io::stderr().is_terminal().then_some(Self { terminal, settings, waits: true })
    }

    /// Wait for a key; `false` if the container is not to start.
    pub(super) fn wait(&mut self, what: &str) -> io::Result<bool> {
        if !self.waits {
            return Ok(true);
        }
        let mut keys = self.settings.clone();
        // The container's first process would not notice Ctrl-C.
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        tcsetattr(&self.terminal, SetArg::TCSADRAIN, &keys)?;
        write!(self.terminal, "\n {what}: done\n [Enter] next  [c]ontinue to the end  [q]uit ")?;
        let mut byte = [0];
        let goes_on = loop {
            let read = self.terminal.read(&mut byte)?;
            match byte[0] {
                _ if read == 0 => break false,
                b'\n' | b'\r' | b' ' | b'n' => break true,
                b'c' => {
                    self.waits = false;
                    break true;
                }
                b'q' | CTRL_C => break false,
                _ => {}
            }
        };
        tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.settings)?;
        writeln!(self.terminal)?;
        Ok(goes_on)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A terminal that is gone has no settings.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.settings);
    }
}
