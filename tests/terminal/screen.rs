//! The program under test at a pseudo-terminal, and what its screen shows.

use std::cell::{Ref, RefCell};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::common::{GLASSBOX, Home, eventually};

pub(crate) const ENTER: &str = "\r";
pub(crate) const DOWN: &str = "\x1b[B";
pub(crate) const UP: &str = "\x1b[A";
pub(crate) const ESCAPE: &str = "\x1b";
pub(crate) const CTRL_C: &str = "\x03";
/// The last word of the prompt at a pause.
pub(crate) const PROMPT: &str = "[q]uit";
/// What stands before the entry of a menu that Enter takes.
pub(crate) const CURSOR: &str = "❯";

const ROWS: u16 = 60;

/// The session's leader stays until the end of the test: the terminal's settings, which the test wants to
/// see, are lost with it. As in a login shell, keys that end a program do not end the leader.
const LEADER: &str = r#"
    stty rows $ROWS cols $COLUMNS
    unset ROWS COLUMNS
    trap : INT TERM HUP QUIT
    sh -c 'echo $$ > "$0/pid.new"; mv "$0/pid.new" "$0/pid"; exec "$@"' "$@"
    echo $? > "$1/code.new"; mv "$1/code.new" "$1/code"
    exec sleep 1000000"#;

/// Text as it is without colours and movements of the cursor.
pub(crate) fn without_escapes(raw: &str) -> String {
    let mut pieces = raw.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |text, piece| {
        let code = piece.find(|letter: char| letter.is_ascii_alphabetic()).map_or(piece.len(), |end| end + 1);
        // A line that is left for the one above ends here.
        let line_end = if piece[..code].ends_with('A') { "\n" } else { "" };
        text + line_end + &piece[code..]
    })
}

/// What has been written to the terminal so far.
struct Seen {
    raw: Vec<u8>,
    parser: vt100::Parser,
}

/// A terminal, and the program that it is the controlling terminal of.
pub(crate) struct Screen {
    leader: Child,
    /// Where a person would sit. Closing it is closing the window.
    keyboard: Option<File>,
    /// The program's side, kept open so that the settings can be looked at.
    line: OwnedFd,
    before: Termios,
    seen: RefCell<Seen>,
    /// How much of the output has been looked at.
    mark: usize,
    notes: tempfile::TempDir,
}

impl Screen {
    /// Start the program with these arguments and this home.
    pub(crate) fn start<const N: usize>(home: &Home, columns: u16, args: [&str; N]) -> Self {
        Self::start_with(home, columns, args, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with<const N: usize>(
        home: &Home,
        columns: u16,
        args: [&str; N],
        environment: &[(&str, &str)],
    ) -> Self {
        // Nobody else may have the person's side, or the window could not be closed.
        let private = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(private | OFlag::O_NONBLOCK).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let line = open(ptsname_r(&master).unwrap().as_str(), private, Mode::empty()).unwrap();
        let before = tcgetattr(&line).unwrap();
        let notes = tempfile::tempdir().unwrap();
        let side = || Stdio::from(line.try_clone().unwrap());
        let mut command: Command = home.command("setsid");
        command.args(["--ctty", "sh", "-c", LEADER, "leader"]).arg(notes.path()).arg(GLASSBOX).args(args);
        command.env("ROWS", ROWS.to_string()).env("COLUMNS", columns.to_string());
        command.env("TERM", "xterm-256color").envs(environment.iter().copied());
        let leader = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let keyboard = File::from(OwnedFd::from(master));
        let seen = RefCell::new(Seen { raw: vec![], parser: vt100::Parser::new(ROWS, columns, 0) });
        Self { leader, keyboard: Some(keyboard), line, before, seen, mark: 0, notes }
    }

    /// What has been written by now. A terminal that nobody reads from stops its program.
    fn seen(&self) -> Ref<'_, Seen> {
        let mut buffer = [0; 8192];
        let mut seen = self.seen.borrow_mut();
        while let Some(Ok(length @ 1..)) = self.keyboard.as_ref().map(|mut screen| screen.read(&mut buffer)) {
            seen.raw.extend_from_slice(&buffer[..length]);
            seen.parser.process(&buffer[..length]);
        }
        drop(seen);
        self.seen.borrow()
    }

    /// What a person sees now.
    pub(crate) fn text(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// What a person sees now, cell by cell.
    pub(crate) fn cells<T>(&self, look: impl Fn(&vt100::Cell) -> T) -> Vec<Vec<T>> {
        let seen = self.seen();
        let screen = seen.parser.screen();
        let (rows, columns) = screen.size();
        let row = |row| (0..columns).filter_map(|column| screen.cell(row, column)).map(&look).collect();
        (0..rows).map(row).collect()
    }

    /// Whether the cursor can be seen.
    pub(crate) fn has_cursor(&self) -> bool {
        !self.seen().parser.screen().hide_cursor()
    }

    /// Every byte that was written so far.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.seen().raw).into_owned()
    }

    /// Wait for text that was not there when this was called last.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_for_one_of(&[text]);
    }

    /// Wait for the first of several texts; says which of them came.
    pub(crate) fn wait_for_one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let mut found = None;
        let look = |found: &mut Option<(usize, &'a str)>| {
            let seen = self.seen();
            let place = |text: &&'a str| {
                let new = &seen.raw[self.mark..];
                let at = new.windows(text.len()).position(|window| window == text.as_bytes())?;
                Some((self.mark + at + text.len(), *text))
            };
            *found = texts.iter().filter_map(place).min();
            found.is_some()
        };
        let hope = std::panic::AssertUnwindSafe(|| eventually(format!("{texts:?}"), || look(&mut found)));
        if std::panic::catch_unwind(hope).is_err() {
            panic!("waited in vain for {texts:?} on\n{}", self.text());
        }
        let (end, text) = found.unwrap();
        self.mark = end;
        text
    }

    /// Press keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Wait for the prompt of a pause, then press keys.
    pub(crate) fn at_prompt(&mut self, keys: &str) {
        self.wait_for(PROMPT);
        self.press(keys);
    }

    /// Wait for a menu or a question, then take the entry with this number: 0 is the one that it offers.
    pub(crate) fn choose(&mut self, down: usize) {
        self.wait_for(CURSOR);
        for _ in 0..down {
            self.press(DOWN);
            self.wait_for(CURSOR);
        }
        self.press(ENTER);
    }

    /// Close the window.
    pub(crate) fn close(&mut self) {
        self.keyboard = None;
    }

    /// The program's number.
    pub(crate) fn pid(&self) -> Pid {
        let file = self.notes.path().join("pid");
        eventually("the program has a number", || file.exists());
        Pid::from_raw(std::fs::read_to_string(file).unwrap().trim().parse().unwrap())
    }

    /// Send the program a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Wait until the program has ended; its exit code as a shell sees it.
    pub(crate) fn exit_code(&self) -> i32 {
        let file = self.notes.path().join("code");
        eventually(format!("the program ends, its screen shows\n{}", self.text()), || {
            drop(self.seen());
            file.exists()
        });
        std::fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    /// The program ends by itself after its window was closed. Which code it ends with depends on what it hears
    /// of first, the signal or the end of its input; but it does not panic, and leaves nothing.
    pub(crate) fn ends_unseen(&self, home: &Home) {
        const PANIC: i32 = 101;
        assert_ne!(self.exit_code(), PANIC);
        eventually("no ledgers are left", || home.ledgers().is_empty());
    }

    /// The program ends with this code, and leaves the terminal and the state directory as they have to be.
    pub(crate) fn ends_with(&self, code: i32, home: &Home) {
        assert_eq!(self.exit_code(), code, "exit code of a program that showed\n{}", self.text());
        assert_eq!(home.ledgers(), Vec::<std::path::PathBuf>::new(), "ledgers are left");
        if self.keyboard.is_some() {
            assert!(tcgetattr(&self.line).unwrap() == self.before, "the terminal has other settings now");
            eventually("the cursor is to be seen again", || self.has_cursor());
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
        // The leader does not end by itself; glassbox ends when its terminal is gone.
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}
