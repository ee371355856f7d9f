//! Containers: what one is to be, how it is started, who looks after it, and what is known of it.
//!
//! * [`spec`]: what it is to be; pure data.
//! * [`records`]: a directory for each, with a journal of what happened to it.
//! * [`start`]: from `clone` to `execve`, each part a function in terms of kernel functions, so that it is narrated
//!   when somebody listens and costs nothing when nobody does.
//! * [`supervise`]: the process that waits for its end, and passes signals and output on.
//! * [`exec`]: a second program in it.
//! * [`life`]: what can be done to one that runs.
//! * [`network`]: the networks that containers are on.
//! * [`building`]: programs that a build starts.

pub mod building;
pub mod devices;
pub mod error;
pub mod exec;
mod failure;
pub mod life;
pub mod limits;
pub mod masks;
pub mod network;
pub mod own_program;
pub mod profile;
pub mod records;
pub mod root;
pub mod run;
pub mod spec;
pub mod start;
pub mod storage;
pub mod supervise;
pub mod usage;

pub use error::{Error, Result};
pub use records::{Container, Id, Record, Records, State};
pub use spec::Spec;
