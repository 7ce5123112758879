//! Advisory feeds become one database file; a database and an inventory become findings.
//!
//! [`build()`] reads the feeds ([`feed`]) in their upstream layouts into the normal form ([`record`]) and writes one
//! file; [`Database`] reads it. [`write_content`], [`write_delta`] and [`apply`] carry its content elsewhere, [`write_bundle`]
//! and [`install_bundle`] with a signature. [`update::update`] fetches the feeds.
#![forbid(unsafe_code)]

mod build;
mod bundle;
mod error;
mod explain;
pub mod feed;
pub mod fuzz;
pub mod hub;
pub mod incidents;
mod java_index;
mod matching;
pub mod range;
mod reach;
pub mod record;
mod remedy;
pub mod severity;
mod signing;
mod spill;
mod store;
pub mod support;
mod transfer;
pub mod update;
mod vers;
pub mod vex;
mod writer;

pub use build::{BuildOptions, BuildReport, build};
pub use bundle::{
    BUNDLE_NAME, BundleError, Installed, Manifest, Trust, delta_name, install_bundle, read_bundle, signer,
    temporary_beside, write_bundle,
};
pub use error::Error;
pub use explain::{AdvisoryDetail, PackageDetail, RecordDetail, kind_word, package_detail};
pub use java_index::{JavaArchive, JavaIndex, JavaIndexReport, build_java_index, sha1_of};
pub use matching::{MatchOptions, Matches, matches, sort};
pub use signing::{KeyError, PublicKey, SigningKey};
pub use store::{Cve, Database, LeftOut, Source, SourceInfo, Sourced, verify};
pub use transfer::{ApplyError, NoDelta, StreamHead, apply, read_head, write_content, write_delta};
