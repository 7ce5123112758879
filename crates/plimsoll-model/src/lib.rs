//! The nouns of container security, shared by every other crate.
//!
//! Pure values: no file, network, clock, thread or async in here. Everything that needs to be the same in two places
//! stands here once: the ecosystem and distribution tables, version order, package URLs, the finding and the report.

#![forbid(unsafe_code)]

pub mod attack;
pub mod audit;
pub mod benchmark;
pub mod builder;
pub mod bundle;
pub mod chain;
pub mod content_set;
pub mod decision;
pub mod diff;
mod digest;
pub mod distribution;
pub mod drift;
pub mod ecosystem;
pub mod explanation;
pub mod finding;
pub mod functions;
pub mod fuzz;
pub mod in_use;
pub mod inventory;
pub mod license;
pub mod node;
mod path;
pub mod paths;
pub mod plan;
pub mod pod_security;
mod problem;
pub mod product;
pub mod pss;
pub mod purl;
pub mod reach;
pub mod report;
pub mod responsibility;
pub mod rights;
pub mod suggestion;
pub mod survey;
mod text;
pub mod verification;
pub mod version;
pub mod vex;
pub mod work;
pub mod workload;

pub use digest::{Algorithm, Digest, DigestError};
pub use distribution::{Distribution, Release, Stream};
pub use ecosystem::Ecosystem;
pub use finding::{
    Change, ConfigurationSubject, Epss, Evidence, Finding, FindingKind, FixStatus, Kev, Level, ObjectRef,
    PackageSubject, Party, Remedy, Risk, Severity, Subject, Suppression,
};
pub use inventory::{Inventory, Location, Package, Presence, Relation, Scope, SourcePackage};
pub use path::ImagePath;
pub use problem::{Effect, Problem, ProblemKind};
pub use report::{
    Base, BaseSource, Container, Coverage, DatabaseInfo, FeedInfo, Git, Layer, Origin, Outcome, Report,
    Target, TargetKind, Verdict, Via,
};
pub use text::{causes, edits, headline, one_line, shortened};
