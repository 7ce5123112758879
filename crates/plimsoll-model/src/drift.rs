//! What got worse, and what better, from one state of a cluster to another, as it is told.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the form of [`Drift`]: `docs/schema/drift-1.0.json`.
pub const DRIFT_VERSION: &str = "1.0";

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Version of this form.
    pub schema_version: String,
    /// Version of Plimsoll.
    pub plimsoll: String,
    /// What was before, and when.
    pub before: ClusterInfo,
    /// What is after, and when.
    pub after: ClusterInfo,
    /// All states in their order, where there are more than two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<ClusterInfo>,
    /// Met when nothing got worse, not met when something did, unknown when that is not decided.
    pub verdict: Outcome,
    /// What got worse.
    pub worse: Vec<DriftItem>,
    /// What got better.
    pub better: Vec<DriftItem>,
    /// Changes of connections that are not listed because there are too many.
    pub left_out: u64,
    /// What is not compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Lists that were not seen, of either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// What could not be read, of either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftArea {
    /// A way in from outside.
    Exposure,
    /// Connections.
    Connection,
    /// Levels of the Pod Security Standards.
    PodSecurity,
    /// A role that somebody has, or what a role allows.
    Right,
    /// What somebody becomes by rights.
    Path,
    /// A finding of a rule.
    Rule,
}

impl DriftArea {
    /// All, with their titles.
    pub const ALL: [(DriftArea, &'static str); 6] = [
        (DriftArea::Exposure, "open from outside"),
        (DriftArea::Connection, "connections"),
        (DriftArea::PodSecurity, "pod security"),
        (DriftArea::Right, "roles"),
        (DriftArea::Path, "who becomes what"),
        (DriftArea::Rule, "rules"),
    ];
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// In which respect.
    pub area: DriftArea,
    /// What it is about.
    pub about: String,
    /// What is different.
    pub detail: String,
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How grave what the rule says is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
    /// Since when, where states between were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Box<DriftSince>>,
}

/// Since when something is worse, and has been in every state that followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftSince {
    /// The last state in which it was not.
    pub after: ClusterInfo,
    /// The first state in which it was.
    pub state: ClusterInfo,
    /// Not everything of an earlier state was seen, so that it may have been so before.
    pub at_the_latest: bool,
}
