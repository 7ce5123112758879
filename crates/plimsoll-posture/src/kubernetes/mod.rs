//! Kubernetes objects: read from files, and held against rules.

mod objects;
pub(crate) mod rules;
pub mod yaml;

pub(crate) use objects::Scene;
pub use objects::{Object, Objects, Place};
