//! The container: the image `tiny`, and what turns a process into a contained one.

pub mod image;
