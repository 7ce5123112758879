//! Whose is it: where the reader's part begins and ends on a platform, which switch moves it, and whether it is done.
//!
//! [`Matrix`] is data (`controls/`), [`Evidence`] is what was given, [`pools`] says which columns there are, [`evaluate`]
//! decides. A cell of the provider is never met, only contradicted; a shared one is met when switch and effect were seen; what
//! is absent is missing, and its name is told.

pub mod attest;
pub mod benchmark;
pub mod certificate;
mod data;
mod decision;
mod embedded;
mod evaluate;
mod evidence;
pub mod parties;
mod pools;
mod rules;
mod running;
#[cfg(test)]
mod tests;
mod what_if;

pub use data::{Base, Control, Fault, InputKind, MAX_FILE, MAX_FILES, Matrix, Platform, Text, Toggle};
pub use decision::{Decision, Finding};
pub use evaluate::evaluate;
pub use evidence::{Answer, Cloud, Evidence, Exports, Extent, Kubernetes, Reports, Scanned};
pub use pools::{Pool, pools};
pub use rules::{RULES, Rule, is_system_namespace};
pub use running::{Running, RunningImage, running};
pub use what_if::what_if;
