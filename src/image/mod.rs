//! Images: what a container starts from, and where they are kept.
//!
//! * [`store`]: the images of this user, their layers unpacked beside them.
//! * [`load`]: archives of others become images in it.

pub mod build;
pub mod changes;
mod codec;
pub mod commit;
mod config;
pub mod digest;
mod draft;
pub mod error;
pub mod flat;
pub mod import;
pub mod initramfs;
mod libraries;
pub mod load;
mod manifest;
mod marks;
mod merged;
mod pack;
pub mod reference;
pub mod save;
pub mod store;
mod tar;
pub mod tiny;
mod unpack;
pub mod users;

pub use config::{Config, Execution, History, RootFs};
pub use digest::Digest;
pub use error::{Error, Result};
pub use reference::Reference;
pub use store::{Image, Layer, Store};
pub use unpack::LeftOut;
pub use users::Users;
