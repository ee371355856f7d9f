//! Who answers: the learner at the keyboard, or nobody.

use std::io::{self, Write};

use colored::Colorize;

use super::keys;
use crate::event::{Body, Event, SCHEMA_VERSION};
use crate::present::{Renderer, Style, Terminal, painted, question};
use crate::stage::{Audience, Moment, Wish, open_shell};

/// For `--auto`: nothing is asked, nothing waits.
pub(crate) struct Nobody {
    pauses: usize,
    stop_at: Option<usize>,
}

impl Nobody {
    /// One who stops at a pause and stays there: how the tests look at a lesson in the middle, and end it.
    pub(crate) fn stopping_at(pause: Option<usize>) -> Self {
        Self { pauses: 0, stop_at: pause }
    }
}

impl Audience for Nobody {
    fn predict(&mut self, _: &str, _: &[String]) -> io::Result<Option<usize>> {
        Ok(None)
    }

    fn pause(&mut self, _: &Moment) -> io::Result<Wish> {
        self.pauses += 1;
        while self.stop_at == Some(self.pauses) {
            nix::unistd::pause();
        }
        Ok(Wish::Next)
    }
}

/// The learner.
#[derive(Default)]
pub(crate) struct Learner {
    /// Whether he has been told how to answer.
    knows_how: bool,
}

impl Audience for Learner {
    fn predict(&mut self, text: &str, choices: &[String]) -> io::Result<Option<usize>> {
        writeln!(io::stdout())?;
        for line in question(text, Terminal::width()) {
            writeln!(io::stdout(), "{}", painted(&line))?;
        }
        if keys::is_fancy() && !std::mem::replace(&mut self.knows_how, true) {
            let how = "arrow keys and Enter answer; q goes on without a guess";
            writeln!(io::stdout(), " {}", how.dimmed())?;
        }
        let chosen = keys::choose("", choices, 0)?;
        // The menu is gone from the screen; the answer has to be there when the kernel's comes.
        let answer = chosen.and_then(|index| choices.get(index)).map_or("(no guess)", String::as_str);
        indented(&format!("{:12}▸ ", ""), answer)?;
        Ok(chosen)
    }

    fn pause(&mut self, moment: &Moment) -> io::Result<Wish> {
        let mut asked_to_restart = false;
        say_why_it_waits(moment)?;
        loop {
            let key = keys::key(|| prompt(moment))?;
            clear_prompt()?;
            match key {
                Some('\n' | '\r' | ' ' | 'n') => return Ok(Wish::Next),
                Some('q') | None => return Ok(Wish::Quit),
                Some('b') if asked_to_restart => return Ok(Wish::Restart),
                Some('b') => {
                    asked_to_restart = true;
                    note("press b once more to begin this lesson again")?;
                    continue;
                }
                Some('s') => shell(moment)?,
                Some('?' | 'w') => why(moment)?,
                Some(_) => {}
            }
            asked_to_restart = false;
        }
    }
}

/// Say something that is no part of the lesson.
fn note(text: &str) -> io::Result<()> {
    indented(" ", text)
}

/// Text that begins with `first`, wrapped below its own beginning.
fn indented(first: &str, text: &str) -> io::Result<()> {
    let rest = " ".repeat(first.chars().count());
    let options = textwrap::Options::new(Terminal::width()).initial_indent(first).subsequent_indent(&rest);
    for line in textwrap::wrap(text, options) {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

fn say_why_it_waits(moment: &Moment) -> io::Result<()> {
    let event = event(Body::Say { text: moment.reason.clone() });
    writeln!(io::stdout())?;
    for mut line in Renderer::new().lines(&event, Terminal::width()) {
        line.spans.iter_mut().for_each(|span| span.style = Style::Dim);
        writeln!(io::stdout(), "{}", painted(&line))?;
    }
    io::stdout().flush()
}

fn prompt(moment: &Moment) -> io::Result<()> {
    let wide = Terminal::width() >= 72;
    let shell = if moment.inside.is_none() {
        ""
    } else if wide {
        "   [s]hell inside"
    } else {
        " [s]hell"
    };
    let text = if wide {
        format!(" [Enter] next   [b]ack to the start{shell}   [?] why   [q]uit")
    } else {
        format!(" [Enter] next [b]ack{shell} [?]why [q]uit")
    };
    let mut out = io::stdout().lock();
    write!(out, "{text} ")?;
    out.flush()
}

fn clear_prompt() -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", if keys::is_fancy() { "\r\x1b[K" } else { "\n" })?;
    out.flush()
}

fn shell(moment: &Moment) -> io::Result<()> {
    let Some(pid) = moment.inside else {
        note("nobody is inside at this step")?;
        return Ok(());
    };
    note(&format!("a shell in every namespace of process {pid}; `exit` comes back"))?;
    open_shell(pid)?;
    writeln!(io::stdout())
}

fn why(moment: &Moment) -> io::Result<()> {
    writeln!(io::stdout())?;
    if moment.whys.is_empty() {
        note("why comes later in this step: ask at its next stop")?;
    }
    let mut renderer = Renderer::new();
    for body in &moment.whys {
        for line in renderer.lines(&event(body.clone()), Terminal::width()) {
            writeln!(io::stdout(), "{}", painted(&line))?;
        }
    }
    Ok(())
}

fn event(body: Body) -> Event {
    Event { v: SCHEMA_VERSION, lane: "host".into(), pid: 0, aside: false, body }
}
