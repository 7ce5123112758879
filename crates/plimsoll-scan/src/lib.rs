//! Use cases as plain functions: what the command line and the server call.
//!
//! Joins the parts: artifacts are opened, layers walked, files extracted, advisories matched, and every finding gets a
//! party and one next step. Prints nothing, asks neither clock nor environment.

#![forbid(unsafe_code)]

mod answers;
pub mod assemble;
mod attached;
pub mod attest;
pub mod audit;
pub mod base;
pub mod bundle;
mod cache;
pub mod chain;
pub mod check;
pub mod cluster;
pub mod commands;
mod daemon;
pub mod diff;
pub mod dockerfile_lines;
mod error;
pub mod exceptions;
mod explain;
mod explain_report;
pub mod gate;
pub mod git;
mod image_rules;
mod java_index;
mod licenses;
pub mod many;
mod models;
pub mod node;
pub mod party;
pub mod plan;
mod process;
mod report_facts;
pub mod responsibility;
mod saved;
mod sbom_attached;
mod scan;
mod scanners;
mod secrets;
mod target;
pub mod tree;
pub mod verify;
mod vex_attached;
mod vex_hub;
mod visit;
pub mod whose;

pub use answers::Answer;
pub use attached::AttachedDocuments;
pub use cache::{Cache, CacheStatus};
pub use dockerfile_lines::BuildFile;
pub use error::ScanError;
pub use explain::{explain, explain_rule};
pub use explain_report::explain_report;
pub use plimsoll_advisory::{Database, JavaIndex};
pub use plimsoll_kube as kube;
pub use plimsoll_model::Via;
pub use plimsoll_oci::{
    Artifact, Asked, DaemonSettings, DaemonVariables, Daemons, Descriptor, Error as OciError, Mirror, Part,
    Platform, PlatformError, Reference, Referrer, Referring, Registries, RegistryFiles, RegistrySettings,
    Repository, StoredPart,
};
pub use plimsoll_policy::{self as policy, line as verdict};
pub use plimsoll_trust as trust;
pub use scan::{Options, Supplied, Supply, answer, scan, span};
pub use scanners::{SCANNERS, Scanner, Scanners, ScannersError};
pub use target::{ImageForm, Target};
pub use vex_hub::VexHub;

/// Hears how far a scan is. Called from several threads at once.
pub trait Progress: Sync {
    /// So many bytes of blobs will be read.
    fn expect(&self, bytes: u64);
    /// So many further bytes were read.
    fn read(&self, bytes: u64);
    /// So many further files were seen.
    fn files(&self, files: u64);
    /// So many targets of several are done.
    fn targets(&self, _done: u64, _of: u64) {}
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn expect(&self, _bytes: u64) {}
    fn read(&self, _bytes: u64) {}
    fn files(&self, _files: u64) {}
}
