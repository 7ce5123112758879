//! What would break if namespaces asked for a level of the Pod Security Standards, as it is told.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::pod_security::{Level, Version};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the form of [`Pss`]: `docs/schema/pss-1.0.json`.
pub const PSS_VERSION: &str = "1.0";

/// All namespaces of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pss {
    /// Version of this form.
    pub schema_version: String,
    /// Version of Plimsoll.
    pub plimsoll: String,
    /// Which cluster, and when it was seen.
    pub cluster: ClusterInfo,
    /// The version of the standards that is asked about.
    pub version: Version,
    /// The levels that are asked about.
    pub levels: Vec<Level>,
    /// Met when every namespace could have the levels, not met when something would break, unknown when that is not decided.
    pub verdict: Outcome,
    /// Numbers of it.
    pub summary: PssSummary,
    /// The namespaces, by name.
    pub namespaces: Vec<PssNamespace>,
    /// What to type: labels that break nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<PssCommand>,
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

/// Numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssSummary {
    /// Namespaces.
    pub namespaces: u64,
    /// What runs, or would: templates, and pods that differ from theirs.
    pub workloads: u64,
    /// Pods that are there.
    pub pods: u64,
    /// Namespaces that could be labelled `restricted` today.
    pub restricted: u64,
    /// Namespaces that could be labelled `baseline` today, and no more.
    pub baseline: u64,
    /// Namespaces in which something would break at every level that is asked about.
    pub neither: u64,
    /// Namespaces of which it is not known.
    pub unknown: u64,
    /// Namespaces with something that does not meet what they are labelled with already.
    pub broken: u64,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssNamespace {
    /// Its name.
    pub name: String,
    /// What its labels ask for; absent where its object was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PssLabels>,
    /// What runs in it.
    pub workloads: u64,
    /// The highest level that it could have today; absent where that is none of those asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub could_have: Option<Level>,
    /// How it stands to each level that is asked about.
    pub levels: Vec<PssStanding>,
    /// How it stands to what it enforces already, where something does not meet that: it runs on until it is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<PssStanding>,
}

/// What the labels of a namespace ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssLabels {
    /// What is refused: `baseline:v1.31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<String>,
    /// What is warned about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<String>,
    /// What is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<String>,
    /// Values that are no level or version: API servers take `restricted` in their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// How a namespace stands to a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssStanding {
    /// The level.
    pub level: Level,
    /// By which version.
    pub version: Version,
    /// Met when nothing would break.
    pub answer: Outcome,
    /// What would break.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<PssBreak>,
    /// What of it is not known, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// Something that would break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssBreak {
    /// `NAMESPACE/KIND/NAME`.
    pub workload: String,
    /// Whether it is the template of the workload; else pods of it that differ from it.
    pub template: bool,
    /// Pods of it that are there now; they run on until they are made anew.
    pub pods: u64,
    /// File and line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where the pod's specification stands in the object: a JSON pointer. The pointers below are those of the object.
    pub pointer: String,
    /// What is wrong.
    pub violations: Vec<PssViolation>,
    /// The smallest change of the object that mends it, as JSON Patch (RFC 6902).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patch: Vec<PssChange>,
    /// What no patch can do without knowing what the program needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// What to see to when the patch is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mind: Vec<String>,
    /// Applies the patch, where the object can be changed in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// A breach of one control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssViolation {
    /// The control, as Kubernetes names it.
    pub control: String,
    /// Where: a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// One operation of a JSON Patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PssChange {
    /// `add` (which also replaces a field) or `remove`.
    pub op: String,
    /// Where: a JSON pointer.
    pub path: String,
    /// What is put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
}

/// A command that labels namespaces in which nothing breaks by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PssCommand {
    /// The level.
    pub level: Level,
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// What to type.
    pub command: String,
}
