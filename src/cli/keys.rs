//! The keyboard, and what the terminal can do.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsFd;

use dialoguer::Select;
use dialoguer::console::Term;
use dialoguer::theme::ColorfulTheme;
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, tcflush, tcgetattr, tcsetattr};

use crate::present::is_dumb;
use crate::stage::interrupt;

/// Whether somebody sits at a terminal, to read and to type.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Colour only where it is wanted: a terminal, no `NO_COLOR`, not a dumb one.
pub(crate) fn decide_on_colour() {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let wanted = !unwanted && (forced || (io::stdout().is_terminal() && !is_dumb()));
    colored::control::set_override(wanted);
    dialoguer::console::set_colors_enabled(wanted);
    dialoguer::console::set_colors_enabled_stderr(wanted);
}

/// Whether escape codes are welcome: moving the cursor counts as much as colour.
pub(crate) fn is_fancy() -> bool {
    colored::control::SHOULD_COLORIZE.should_colorize() && !is_dumb()
}

/// Let the user choose; `None` if he would rather not.
pub(crate) fn choose(prompt: &str, items: &[String], default: usize) -> io::Result<Option<usize>> {
    if !is_fancy() {
        return choose_by_number(prompt, items, default);
    }
    let theme = ColorfulTheme::default();
    let mut menu = Select::with_theme(&theme).items(items).default(default);
    if !prompt.is_empty() {
        menu = menu.with_prompt(prompt);
    }
    // What was chosen is said by what follows, and a line of a menu can be too wide with a prompt before it.
    menu = menu.report(false);
    interrupt::cursor_will_hide();
    // A key that comes before the menu reads keys must not be echoed into it.
    let mut settings = tcgetattr(io::stdin().as_fd())?;
    settings.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &settings)?;
    let chosen = menu.interact_on_opt(&Term::stdout());
    interrupt::restore_terminal();
    chosen.map_err(|error| io::Error::other(error.to_string()))
}

fn choose_by_number(prompt: &str, items: &[String], default: usize) -> io::Result<Option<usize>> {
    let mut out = io::stdout().lock();
    if !prompt.is_empty() {
        writeln!(out, " {prompt}")?;
    }
    for (number, item) in items.iter().enumerate() {
        writeln!(out, "  {:2} {item}", number + 1)?;
    }
    loop {
        write!(out, " number [{}]: ", default + 1)?;
        out.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim() {
            "" => return Ok(Some(default)),
            "q" => return Ok(None),
            text => match text.parse::<usize>() {
                Ok(number) if (1..=items.len()).contains(&number) => return Ok(Some(number - 1)),
                _ => writeln!(out, " a number from 1 to {}, or q", items.len())?,
            },
        }
    }
}

/// Show `prompt`, and wait for one key, without the Enter key after it. `None` is the end of input.
///
/// Ctrl-C still sends its signal.
pub(crate) fn key(prompt: impl FnOnce() -> io::Result<()>) -> io::Result<Option<char>> {
    const ESCAPE: u8 = 0x1b;
    let stdin = io::stdin();
    let before = tcgetattr(stdin.as_fd())?;
    let mut waiting = before.clone();
    waiting.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
    tcsetattr(stdin.as_fd(), SetArg::TCSADRAIN, &waiting)?;
    // Not through the buffer of `Stdin`: what is typed ahead is for whoever reads next, such as a shell inside.
    let mut byte = [0];
    let read = prompt().and_then(|()| Ok(nix::unistd::read(stdin.as_fd(), &mut byte)?));
    if byte[0] == ESCAPE {
        // An arrow key sends more after it, which would be taken for keys of their own.
        tcflush(stdin.as_fd(), FlushArg::TCIFLUSH)?;
    }
    tcsetattr(stdin.as_fd(), SetArg::TCSADRAIN, &before)?;
    Ok((read? == 1).then_some(char::from(byte[0])))
}
