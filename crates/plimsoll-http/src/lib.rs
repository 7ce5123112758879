//! HTTP as every part of the program that goes to the network needs it: one place for proxies, certificates, time
//! limits, redirects, retries, conditional requests, and downloads that go on after a cut.
//!
//! Hides the HTTP library, its threads and the TLS stack. Does not know registries, feeds, or what a body means; asks no
//! variable, no clock and no source of randomness that it was not handed ([`Settings`], [`Clock`]).
//!
//! The other side is hostile: every body is read against a limit that the caller names, headers that are believed are
//! parsed here, redirects are counted, credentials stay with the host they were meant for, and neither credentials nor
//! queries of an address reach an error message.

#![forbid(unsafe_code)]

mod body;
mod client;
mod error;
pub mod fuzz;
mod request;
mod resume;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod url;

pub use body::Body;
pub use client::{Client, Response};
pub use error::{Cause, Error, bounded};
pub use request::{Method, Range, Request, Secret, Validators};
pub use resume::{Download, Open};
pub use settings::{Clock, Identity, Pem, Proxies, Retries, Roots, Settings};
pub use url::Url;
