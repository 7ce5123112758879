//! Requirements over facts -> a verdict with reasons. Pure: no network, no clock, no file.
//!
//! [`decide`] takes what is known of an image ([`Facts`]), the [`Policies`] and the moment, and answers allow, deny or
//! **unknown** with a proof of how it came to that. The same function is called in CI, in admission and in audits. A fact
//! that is missing is [`Known::Missing`] with the reason; no path leads from there to "allow" unless the requirement's own
//! `onMissing` says so, and then the proof says it too.
//!
//! [`line`] is the older and smaller sibling: findings held against `--fail-on`.

#![forbid(unsafe_code)]

pub mod cel;
mod decide;
mod document;
mod exception;
mod explain;
pub mod export;
mod facts;
pub mod fuzz;
mod grace;
mod identity;
pub mod import;
mod licenses;
pub mod line;
mod materials;
mod moment;
pub mod provenance;
mod requirement;
mod revocation;
pub mod summary;

pub use decide::{Answer, Brief, decide, decide_briefly};
pub use document::{
    Duration, Kept, LoadError, NotationSigner, OnMissing, Policies, Policy, SIGNED_EXCEPTION, Sign,
    SignedTexts, sign_exception,
};
pub use exception::Exception;
pub use explain::explain;
pub use facts::{Config, Evidence, Facts, ImageName, Known, Maker, PodSecurity, Statement, Workload};
pub use identity::{Certificate, Pattern, PatternError};
pub use moment::moment;
pub use plimsoll_model::decision::{Decision, Effect, Mode, PolicyResult, RequirementResult};
pub use requirement::{Need, Requirement};
pub use revocation::Revocation;
