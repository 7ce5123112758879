//! Kubernetes objects: read from files, and held against rules.

pub mod acceptance;
pub mod edit;
mod objects;
pub mod repair;
pub(crate) mod rules;
pub mod template;
pub mod yaml;

pub use objects::{Object, Objects, Place, selects};
pub(crate) use objects::{Scene, at, get, list, texts};
pub(crate) use rules::control_plane::runs;
