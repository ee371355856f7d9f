//! The image `tiny`, made on the spot.

/// Why it could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not there.
    #[error("this machine has no program {0}")]
    Program(String),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Error::Program(name) => format!("install {name} with the distribution's package manager"),
        }
    }
}
