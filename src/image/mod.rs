//! Images: what a container starts from, and where they are kept.

mod config;

pub use config::{Config, Execution};
