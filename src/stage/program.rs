//! A program that a child becomes, with its standard input and output in the maker's hands.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::channel::retry;
use super::{Error, Result};
use crate::error::doing;
use crate::kernel::process;

/// A program that a child is going to become, with its standard input and output in the maker's hands.
pub struct Program {
    input: File,
    output: File,
    /// Its own ends. The maker lets go of them when it first speaks to the program, so that it sees its end.
    its: Option<(OwnedFd, OwnedFd)>,
    /// What it wrote and nobody has asked for yet.
    unread: Vec<u8>,
}

impl Program {
    /// Make the pipes; to be called before the child is made.
    pub fn pipes() -> Result<Self> {
        let pipe = || doing("making a pipe", nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(Into::into));
        let (its_input, input) = pipe()?;
        let (output, its_output) = pipe()?;
        let (input, output) = (File::from(input), File::from(output));
        Ok(Self { input, output, its: Some((its_input, its_output)), unread: vec![] })
    }

    /// In the child: what is to be its standard input, output and error.
    pub fn its_ends(&self) -> Result<[Option<OwnedFd>; 3]> {
        let ends = || -> io::Result<_> {
            let (input, output) = self.its.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
            Ok([Some(input.try_clone()?), Some(output.try_clone()?), Some(output.try_clone()?)])
        };
        doing("copying the ends of its pipes", ends())
    }

    /// In the child: `execve(2)` with the pipes as standard input, output and error.
    pub fn execve(&self, program: &str, argv: &[&str], env: &[&str]) -> Result<()> {
        let redirect = || -> io::Result<()> {
            let (input, output) = self.its.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
            nix::unistd::dup2_stdin(input)?;
            nix::unistd::dup2_stdout(output)?;
            nix::unistd::dup2_stderr(output)?;
            Ok(())
        };
        doing("redirecting standard input and output", redirect())?;
        Err(process::execve(program, argv, env).into())
    }

    /// In the maker, to a shell: type a line, and read what it answers.
    pub fn type_in(&mut self, line: &str) -> Result<String> {
        const END: &str = "glassbox-end-of-answer";
        self.write_line(&format!("{line}\necho {END}"))?;
        let answer = self.read_until(&format!("{END}\n"), None)?;
        Ok(answer.trim_end().to_string())
    }

    /// In the maker: write a line to its standard input.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        self.its = None;
        doing(format!("typing {line:?}"), writeln!(self.input, "{line}"))
    }

    /// In the maker: what it writes until it writes `mark`, for which it has `patience`, or all the time that there is.
    pub fn read_until(&mut self, mark: &str, patience: Option<Duration>) -> Result<String> {
        self.its = None;
        let begun = Instant::now();
        loop {
            if let Some(at) = position(&self.unread, mark.as_bytes()) {
                let rest = self.unread.split_off(at + mark.len());
                let text = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&text[..at]).into_owned());
            }
            let left = patience.map(|patience| patience.saturating_sub(begun.elapsed()));
            self.read_more(left).map_err(|why| {
                let text = String::from_utf8_lossy(&self.unread);
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
                Error::Io { what: format!("waiting for {mark:?}, after {last:?}"), why }
            })?;
        }
    }

    /// In the maker: all that it writes until its end, or until that is not to be waited for any longer.
    pub fn read_to_end(&mut self, patience: Duration) -> Result<String> {
        self.its = None;
        let begun = Instant::now();
        loop {
            match self.read_more(Some(patience.saturating_sub(begun.elapsed()))) {
                Ok(()) => {}
                Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned());
                }
                Err(why) => return Err(Error::Io { what: "waiting for its end".into(), why }),
            }
        }
    }

    /// In the maker: the line with these words, in what it has written and nobody has asked for yet.
    pub fn has_written(&self, words: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.unread);
        text.lines().find(|line| line.contains(words)).map(|line| line.trim().to_string())
    }

    /// Wait for some more, no longer than `left`.
    fn read_more(&mut self, left: Option<Duration>) -> io::Result<()> {
        let timeout = match left {
            None => PollTimeout::NONE,
            Some(left) => PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        };
        let mut fds = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
        if retry(|| poll(&mut fds, timeout))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut buffer = [0; 8192];
        match self.output.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.unread.extend_from_slice(&buffer[..length]);
                Ok(())
            }
        }
    }
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn of_a_program_that_fails_every_line_can_be_had() {
        let mut program = Program::pipes().unwrap();
        let [_, output, _] = program.its_ends().unwrap();
        File::from(output.unwrap()).write_all(b"on its way\n[ 0.06] panic: why\r\n </TASK>\n").unwrap();
        program.write_line("go on").unwrap_err();
        let error = program.read_until("there", None).unwrap_err().to_string();
        assert!(error.contains("</TASK>"), "{error}");
        assert_eq!(program.has_written("panic").as_deref(), Some("[ 0.06] panic: why"));
        assert_eq!(program.has_written("there"), None);
    }
}
