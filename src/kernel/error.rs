//! What a refused call leaves behind: its name, its arguments and errno.

use super::Errno;

/// The result of a kernel function.
pub type Result<T> = std::result::Result<T, Error>;

/// A system call that the kernel refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}({}) failed: {errno:?}, {}", self.told_args(), errno.desc())]
pub struct Error {
    /// The name of the call, as in its manual page.
    pub call: &'static str,
    /// Its arguments, as they were recorded.
    pub args: String,
    /// Why the kernel refused.
    pub errno: Errno,
}

impl Error {
    /// Its arguments, as far as somebody can be expected to read them.
    pub fn told_args(&self) -> String {
        const MOST: usize = 400;
        match self.args.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", &self.args[..end]),
            None => self.args.clone(),
        }
    }
}

/// For attempts that are meant to be refused: which errno came, if any did.
pub trait Refused {
    /// The errno of a refused call, `None` if the kernel granted it.
    fn refused(&self) -> Option<Errno>;
}

impl<T> Refused for Result<T> {
    fn refused(&self) -> Option<Errno> {
        self.as_ref().err().map(|error| error.errno)
    }
}

/// rustix's errno as nix's.
pub(super) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// The errno inside of an I/O error; 0 if it is not the kernel's.
pub fn io_errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// What the kernel answered: `ENOSPC, No space left on device`. An error that is not the kernel's in its own words.
pub fn answer(error: &std::io::Error) -> String {
    match io_errno(error) {
        Errno::UnknownErrno => error.to_string(),
        errno => format!("{errno:?}, {}", errno.desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reads_a_thousand_arguments() {
        let told = |args: &str| {
            Error { call: "sendto", args: args.into(), errno: Errno::EMSGSIZE }.to_string().chars().count()
        };
        assert_eq!(told("é") + 399, told(&"é".repeat(400)));
        assert_eq!(told(&"é".repeat(400)) + 1, told(&"é".repeat(1000)));
    }
}
