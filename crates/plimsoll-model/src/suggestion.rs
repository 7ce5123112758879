//! Network policies that allow what is known to be needed and nothing else, as they are proposed.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the form of [`Suggestion`]: `docs/schema/suggest-1.0.json`.
pub const SUGGEST_VERSION: &str = "1.0";

/// Policies for namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Version of this form.
    pub schema_version: String,
    /// Version of Plimsoll.
    pub plimsoll: String,
    /// Which cluster, and when it was seen.
    pub cluster: ClusterInfo,
    /// Met when everything that is needed is known, and the policies allow that and nothing else.
    pub verdict: Outcome,
    /// The namespaces, by name.
    pub namespaces: Vec<SuggestedNamespace>,
    /// What Plimsoll's own analysis says of the cluster with these policies.
    pub proof: SuggestedProof,
    /// What is assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Lists that were not seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Policies for one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedNamespace {
    /// Its name.
    pub name: String,
    /// Names of the policies.
    pub policies: Vec<String>,
    /// The policies as YAML, with comments.
    pub yaml: String,
    /// What they allow.
    pub connections: Vec<SuggestedConnection>,
    /// What is not known: each may need a further rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<SuggestedUnknown>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// A connection that is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedConnection {
    /// `NAMESPACE/KIND/NAME`, or addresses.
    pub from: String,
    /// Likewise.
    pub to: String,
    /// By which ports: `TCP 5432`.
    pub ports: String,
    /// How it is known.
    pub because: String,
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedUnknown {
    /// About which workload, or object.
    pub about: String,
    /// What.
    pub detail: String,
}

/// What came of holding the cluster with the policies against what is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedProof {
    /// Whether it was done: a very large cluster is not looked at pair by pair.
    pub done: bool,
    /// Pairs that were looked at.
    pub pairs: u64,
    /// Needed, and not allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Allowed, and not needed: by policies that are there already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
}
