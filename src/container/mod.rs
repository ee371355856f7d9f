//! What makes a process a contained one: an image, a root of its own, devices, masks, and a filter.
//!
//! The parts are functions that are called inside of the new namespaces, each in terms of kernel functions,
//! so that they are narrated when somebody listens and cost nothing when nobody does.

pub mod devices;
pub mod masks;
pub mod profile;
pub mod root;
