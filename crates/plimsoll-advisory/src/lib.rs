//! Advisory feeds become one database file; a database and an inventory become findings.
//!
//! [`build()`] reads the feeds ([`feed`]) in their upstream layouts into the normal form ([`record`]) and writes one
//! file; [`Database`] reads it.
#![forbid(unsafe_code)]

mod build;
mod error;
mod explain;
pub mod feed;
pub mod incidents;
mod matching;
pub mod range;
pub mod record;
mod remedy;
pub mod severity;
mod store;
pub mod support;
pub mod vex;

pub use build::{BuildOptions, BuildReport, build};
pub use error::Error;
pub use explain::{AdvisoryDetail, PackageDetail, RecordDetail, kind_word, package_detail};
pub use matching::{MatchOptions, Matches, matches};
pub use store::{Cve, Database, LeftOut, Source, SourceInfo, Sourced, verify};
