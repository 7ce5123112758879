//! The decision on an image, with its proof: one value for CI, admission and audits.

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What becomes of an image that does not meet a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is let in with a warning.
    Warn,
    /// It is let in and written down.
    Audit,
}

/// What one requirement does to the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Nothing stands against the image.
    Allow,
    /// It is let in, and somebody should look.
    Warn,
    /// It cannot be told.
    Unknown,
    /// It is refused.
    Deny,
}

impl Effect {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Warn => "warn",
            Effect::Unknown => "unknown",
            Effect::Deny => "deny",
        }
    }
}

/// One requirement, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequirementResult {
    /// Its name.
    pub requirement: String,
    /// How it stands.
    pub answer: Outcome,
    /// What it does to the decision.
    pub effect: Effect,
    /// Why, or what is missing.
    pub reasons: Vec<String>,
    /// The exception that covers it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exception: Option<String>,
}

/// One policy, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyResult {
    /// Its name.
    pub policy: String,
    /// The namespace whose people wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// SHA-256 of what was written.
    pub hash: String,
    /// Its mode.
    pub mode: Mode,
    /// Its requirements, in the order written.
    pub requirements: Vec<RequirementResult>,
}

/// The decision on one image, with its proof. The same facts, policies and moment give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Version of this document's form: `1.0`.
    pub schema_version: String,
    /// The image, as named.
    pub image: String,
    /// The digest that everything was held against.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
    /// The moment that ages and expiries were held against, RFC 3339.
    pub decided_at: String,
    /// The worst of all effects.
    pub effect: Effect,
    /// Why it is refused or cannot be told, or what warns; each names its policy.
    pub reasons: Vec<String>,
    /// Revocations that hit it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub revoked: Vec<String>,
    /// Signatures that were left out because their makers are revoked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub disowned: Vec<String>,
    /// The policies that are about it, in the order read.
    pub policies: Vec<PolicyResult>,
}

impl Decision {
    /// As an answer of `plimsoll verify`.
    pub fn outcome(&self) -> Outcome {
        match self.effect {
            Effect::Allow | Effect::Warn => Outcome::Met,
            Effect::Unknown => Outcome::Unknown,
            Effect::Deny => Outcome::NotMet,
        }
    }
}
