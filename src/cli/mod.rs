//! Commands.
mod learn;
use std::process::ExitCode;
/// Run
pub fn main() -> ExitCode {
    learn::temp()
}
