//! A client of Kubernetes API servers: what is where, lists in pages, watches that go on, and the few writes that reports need.
//!
//! Hides kubeconfig files, credentials and their renewal, paging and its expiry, the forms in which a server refuses. Does not
//! know what objects mean: they come as borrowed JSON, a page or a line at a time.
//!
//! The server is hostile as everything else is: every body and line is read against a limit, and what it says is shown
//! shortened. A list that was not read to its end is an error, never a shorter list. What a right is missing for is said by
//! name, so that whoever asks can say what is unknown without it.

#![forbid(unsafe_code)]

mod access;
mod client;
mod error;
mod exec;
pub mod fuzz;
mod kubeconfig;
mod list;
mod resource;
mod watch;

pub use access::{Access, Surroundings};
pub use client::{Client, Patch};
pub use error::{Attempt, Error};
pub use kubeconfig::Kubeconfig;
pub use list::{Filter, Listed, Page};
pub use resource::{Group, Resource};
pub use watch::{Event, Watched};
