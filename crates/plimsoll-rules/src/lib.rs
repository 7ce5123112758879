//! Rules about Kubernetes objects that need nothing but the object: those of other engines as they are written.
//!
//! Gatekeeper's templates and constraints are read and run unchanged, and their own test files with them ([`suite`]).
//! Rules in CEL (ValidatingAdmissionPolicies, Kyverno's ValidatingPolicies) are [`Rules`].
//! What an image needs beside its object (signatures, provenance, findings) is the matter of `plimsoll-policy`.
//!
//! Pure: no network, no clock, no file. A rule that cannot be evaluated is an [`Answer::Error`], never a pass.

#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "rego"), allow(dead_code, reason = "parts serve the engines that features bring"))]

mod answer;
mod cel;
pub mod fuzz;
#[cfg(feature = "rego")]
pub mod gatekeeper;
mod review;
mod rules;
mod selector;
pub mod suite;
mod yaml;

pub use answer::{Answer, LoadError, Violation};
pub use review::{Operation, Review};
pub use rules::{Action, Lacking, LeftOut, Rules, Verdict};
pub use selector::LabelSelector;
pub use yaml::documents;

/// A JSON value that borrows from the text it was parsed from.
pub type Json<'a> = serde_json_borrow::Value<'a>;
