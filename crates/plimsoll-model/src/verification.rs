//! Where an image comes from: one value that every form of the answer of `plimsoll verify` is a view of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Verdict};

/// What became of one piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EvidenceOutcome {
    /// It verifies, and somebody who was named made it.
    Trusted,
    /// It verifies, or may, but nobody who was named made it.
    Untrusted,
    /// It does not verify, or is about something else.
    Invalid,
    /// Nobody signed it.
    Unsigned,
    /// It cannot be judged.
    Unreadable,
}

impl EvidenceOutcome {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            EvidenceOutcome::Trusted => "trusted",
            EvidenceOutcome::Untrusted => "not trusted",
            EvidenceOutcome::Invalid => "INVALID",
            EvidenceOutcome::Unsigned => "unsigned",
            EvidenceOutcome::Unreadable => "unknown",
        }
    }
}

/// What provenance says of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// Who built.
    pub builder: String,
    /// Where the source is.
    pub source: String,
    /// The branch or tag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The workflow or build file within the source.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub workflow: Option<String>,
    /// Images that went into it, as package addresses with their digest: the base image is among them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub bases: Vec<String>,
    /// Address of the run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invocation: Option<String>,
    /// What of the build that was asked for is not so; empty when it fits, or when none was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unmet: Vec<String>,
}

/// One signature, attestation or SBOM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceInfo {
    /// `signature`, `attestation`, or `unknown`.
    pub kind: String,
    /// Kind of the predicate of an attestation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicate_type: Option<String>,
    /// What became of it.
    pub outcome: EvidenceOutcome,
    /// Why it is not trusted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Which of the named signers it counts for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub signers: Vec<String>,
    /// Holder of the signing certificate, verified.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// Who vouched for the holder.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer: Option<String>,
    /// Further claims of the certificate, by the names that Fulcio gives them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub claims: BTreeMap<String, String>,
    /// SHA-256 of the key that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// What its signers' rules only want to be said.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// The trust root that showed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub root: Option<String>,
    /// Earliest verified moment of signing, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed_at: Option<String>,
    /// Whether a transparency log knows of it.
    pub logged: bool,
    /// What it says of the build.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub build: Option<BuildInfo>,
    /// Its format: `sigstore bundle`, `simple signing`, ...
    pub format: String,
    /// How it is attached: `referrer`, `tag .sig`, ...
    pub layout: String,
    /// Where it was found.
    pub repository: String,
    /// The manifest that holds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manifest: Option<Digest>,
}

/// A trust root that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootInfo {
    /// Its name.
    pub name: String,
    /// When it can no longer be used for new signatures, RFC 3339; absent when no end is set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
}

/// Everything that is said of where an image comes from. The same evidence, roots and signers give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Version of this document's form: `1.0`. Additions raise the minor, everything else the major.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// As the user named it.
    pub image: String,
    /// Digest of its manifest or index, which every piece of evidence was held against.
    pub digest: Digest,
    /// The answer.
    pub verdict: Verdict,
    /// The evidence, in the order found.
    pub evidence: Vec<EvidenceInfo>,
    /// The trust roots.
    pub roots: Vec<RootInfo>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<String>,
}
