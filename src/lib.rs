//! A container with glass walls.
//!
//! ```text
//! cli ─▶ lessons ─▶ stage ─▶ lab ─▶ error ─▶ container ─▶ image ─▶ trace ─▶ machine ─▶ xray ─▶ probe ─▶ kernel
//! ```
//! Modules depend one way, from the left to the right. What a lesson shows is a stream of [`event`]s, which
//! [`present`] lays out for the terminal, a pipe, a program, or the book.

#![warn(clippy::print_stdout, reason = "it panics where the disk is full: writeln! does not")]

pub mod book;
pub mod cli;
pub mod container;
pub mod error;
pub mod event;
pub mod image;
pub mod kernel;
pub mod lab;
#[path = "../lessons/mod.rs"]
pub mod lessons;
pub mod machine;
pub mod present;
pub mod probe;
pub mod progress;
pub mod stage;
pub mod state;
pub mod trace;
pub mod xray;
