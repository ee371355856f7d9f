//! Leave no trace: whatever outlives a process is written down before it is made, and removed afterwards.
//!
//! * [`ledger`]: one small file for each run, a line for each thing that has to go.
//! * [`janitor`]: a process that outlives all others of a run and then does what the ledger says.
//! * [`sweep`]: the same for runs whose janitor was killed too, or whose machine went down.

pub mod identity;
pub mod janitor;
pub mod ledger;
mod run;
pub mod sweep;

pub use identity::Identity;
pub use ledger::{GROUP_STEM, Ledger, Trace};
pub use run::RunId;
