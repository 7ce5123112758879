//! How somebody in a cluster becomes more than they are, as it is told.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::responsibility::Belongs;
use crate::rights::Holder;
use crate::{Outcome, Problem, Suppression};

/// Version of the form of [`Paths`]: `docs/schema/paths-1.0.json`.
pub const PATHS_VERSION: &str = "1.0";

/// What a path ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Everything in the cluster.
    ClusterAdmin,
    /// Root on a node.
    NodeRoot,
    /// All secrets of the cluster.
    AllSecrets,
    /// An identity in the cloud.
    CloudRole,
}

impl Goal {
    /// All of them, the gravest first.
    pub const ALL: [Goal; 4] = [Goal::ClusterAdmin, Goal::NodeRoot, Goal::AllSecrets, Goal::CloudRole];

    /// As it is written: `cluster-admin`.
    pub fn name(self) -> &'static str {
        match self {
            Goal::ClusterAdmin => "cluster-admin",
            Goal::NodeRoot => "node-root",
            Goal::AllSecrets => "all-secrets",
            Goal::CloudRole => "cloud-role",
        }
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathStep {
    /// Which kind of step: `pods-create`.
    pub edge: String,
    /// Who takes it.
    pub from: String,
    /// Whom, or what, it leads to.
    pub to: String,
    /// What is done.
    pub what: String,
    /// The bindings that allow it, several where it needs several rights; none for what every cluster allows.
    pub bindings: Vec<String>,
    /// Technique of MITRE ATT&CK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// How it is made impossible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Why it is not known whether it can be taken; absent where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// The shortest path of subjects to a goal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackPath {
    /// Where it ends.
    pub goal: Goal,
    /// Whether every step is known to be possible.
    pub sure: bool,
    /// Who can go it by the same steps.
    pub subjects: Vec<Holder>,
    /// Where they take the first step by different bindings: those of each subject, in the order of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Vec<String>>,
    /// Who decided to live with it, and why: it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Suppression>,
    /// The steps, for the first of the subjects.
    pub steps: Vec<PathStep>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// The binding whose removal takes a goal from most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    /// The goal.
    pub goal: Goal,
    /// `RoleBinding shop/web`.
    pub binding: String,
    /// Subjects that do not reach the goal without it.
    pub cuts: u64,
    /// Subjects that reach it with it.
    pub of: u64,
    /// Where the binding stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// Who can become what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paths {
    /// [`PATHS_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// Which cluster.
    pub cluster: ClusterInfo,
    /// Met: nobody has a path. Not met: somebody has. Unknown: nobody is seen to have one, but not all was seen.
    pub verdict: Outcome,
    /// The paths, the gravest goal and the shortest first.
    pub paths: Vec<AttackPath>,
    /// The best cut of each goal.
    pub cuts: Vec<Cut>,
    /// Subjects of the cluster itself that have a path and are not told.
    pub system: u64,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What could not be seen, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
