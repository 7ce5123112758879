//! Why a decision came out as it did: what decided, from which evidence, what touched it, and what would change it.

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::decision::{Decision, Effect};

/// Version of the form of [`Explanation`]: `docs/schema/explanation-1.0.json`.
pub const EXPLANATION_VERSION: &str = "1.0";

/// A decision, explained. The same facts, policies and moment give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Version of this document's form.
    pub schema_version: String,
    /// The proof, as `plimsoll verify --policy` writes it.
    pub decision: Decision,
    /// What decided: everything that has the effect of the whole. Empty where nothing stands against the image.
    pub decided_by: Vec<Decider>,
    /// All of this together lets the image in; empty when it is let in already. Nothing less does.
    pub to_pass: Vec<Change>,
    /// Every requirement of every policy that is about the image, in the order written.
    pub requirements: Vec<Explained>,
    /// Revocations that hit the image, take the word of somebody who vouches for it, or cannot be told.
    pub revocations: Vec<RevocationStand>,
    /// Policies that are not about the image there, and why not.
    pub not_about: Vec<NotAbout>,
}

/// Something that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decider {
    /// What it is: `POLICY/REQUIREMENT`, a revocation, or that no policy is about the image.
    pub what: String,
    /// What it does.
    pub effect: Effect,
    /// Why.
    pub reasons: Vec<String>,
}

/// Something that has to change, and what would change it: one of the steps is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// As in [`Decider::what`].
    pub what: String,
    /// Ways to it.
    pub any_of: Vec<String>,
}

/// A requirement, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Name of the policy.
    pub policy: String,
    /// The namespace whose people wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Name of the requirement.
    pub requirement: String,
    /// What it asks, in words.
    pub asks: String,
    /// How it stands.
    pub answer: Outcome,
    /// What it does to the decision.
    pub effect: Effect,
    /// Whether it has the effect of the whole, where something stands against the image.
    pub decides: bool,
    /// Why, or what is missing.
    pub reasons: Vec<String>,
    /// What was looked at.
    pub evidence: Vec<Seen>,
    /// Exceptions that name the policy and this requirement.
    pub exceptions: Vec<ExceptionStand>,
}

/// Something that a requirement looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// `name`, `digest`, `signature`, `attestation`, `unread`, `scan`, `image`, `base`, `pod`.
    pub kind: String,
    /// What it says.
    pub detail: String,
    /// Where it was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Whether it counts for this requirement; absent where that is no question.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counts: Option<bool>,
}

/// How an exception stands to a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionStand {
    /// Its name.
    pub exception: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is.
    pub reason: String,
    /// Until when it holds, RFC 3339.
    pub expires: String,
    /// `covers`, `notNeeded`, `expired`, `tooLong`, `unsigned`, `elsewhere`.
    pub stands: String,
}

/// How a revocation stands to the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevocationStand {
    /// Its name.
    pub revocation: String,
    /// `revokes`, `disowns` (a signature whose maker it names does not count), `unknown`.
    pub stands: String,
    /// More about it.
    pub detail: String,
}

/// A policy that is not about the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotAbout {
    /// Its name.
    pub policy: String,
    /// The namespace whose people wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Why not.
    pub reason: String,
}
