//! The book: chapters in `book/src`, and what a preprocessor of our own puts into them.
//!
//! A chapter holds text and directives, each on a line of its own:
//!
//! | directive | becomes |
//! | --- | --- |
//! | `{{#transcript pid}}`, `{{#transcript pid 2}}` | a recorded run of the lesson, whole or one step of it |
//! | `{{#transcript pid 2 excerpt}}` | what is done and claimed in that step, without what is said |
//! | `{{#listing FILE:ANCHOR}}`, `… folded}}` | the source between `ANCHOR: name` and `ANCHOR_END: name` |
//! | `{{#diagram pid}}` | `book/src/diagrams/pid.svg`, in the page, so that it takes the page's colours |
//! | `{{#questions pid}}` | `book/src/questions/pid.toml`, answered and checked in the page |
//! | `{{#minutes pid}}`, `{{#pages pid}}` | how long the lesson takes, and what it builds on; what its explanations refer to |
//! | `{{#course}}` | every lesson by parts, with minutes and what it builds on |
//!
//! A transcript is that of root. Where a step looks different under another cgroup layout, its figure has all of
//! them: `v2` is shown, `theme/layouts.js` makes a switch to the others, and without scripts they can be unfolded.
//!
//! mdBook leaves out what it cannot find. Here that is an error which names the chapter and the directive, so
//! a book that builds is whole.

mod build;
mod course;
mod diagram;
mod listing;
mod preprocessor;
mod questions;
mod record;
mod transcript;

pub use build::{build, preprocess, source, supports};
pub use preprocessor::Directives;
