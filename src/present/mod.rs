//! Presenters: how the stream of events looks. Each is given events and nothing else.
//!
//! [`Renderer`] lays an event out as lines of styled text; the terminal colours them, a pipe gets the bare
//! text, and the book makes HTML of them. So all three show the same.

mod chart;
pub mod html;
mod jsonl;
mod line;
mod plain;
mod render;
mod table;
mod terminal;

pub use jsonl::Jsonl;
pub use line::{Line, Span, Style, wrapped};
pub use plain::Plain;
pub use render::{Renderer, question};
pub use terminal::{Terminal, is_dumb, painted};
