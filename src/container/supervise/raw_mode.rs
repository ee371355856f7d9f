//! Our terminal while a container's terminal is in front of it: every key goes through, Ctrl-C too.

use std::io::stdin;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::container::error::{Result, doing};

/// The terminal in raw mode. It gets its settings back when this is dropped.
#[derive(Debug)]
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// From here on.
    pub fn enter() -> Result<Self> {
        let set = || {
            let before = tcgetattr(stdin())?;
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            tcsetattr(stdin(), SetArg::TCSADRAIN, &raw)?;
            Ok::<_, nix::Error>(before)
        };
        Ok(Self { before: doing("cannot set the terminal", set().map_err(Into::into))? })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone has no settings.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
