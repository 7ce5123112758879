//! How somebody outside gets into a cluster and on from there, as it is told.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::paths::{Goal, PathStep};
use crate::reach::{Connection, Exposure};
use crate::responsibility::Belongs;
use crate::{Outcome, Party, Problem, Suppression};

/// Version of the form of [`Attack`]: `docs/schema/attack-1.0.json`.
pub const ATTACK_VERSION: &str = "1.0";

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// It is.
    Yes,
    /// It is not known.
    Unknown,
    /// It is not.
    No,
}

/// A flaw of an image that lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackFlaw {
    /// Known to be exploited: an entry of CISA's catalogue.
    pub exploited: bool,
    /// `critical` or `high`.
    pub severity: String,
    /// `CVE-2021-44228`.
    pub advisory: String,
    /// The package.
    pub package: String,
    /// Whether a released version fixes it.
    pub fixable: bool,
}

/// What is known of an image of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackImage {
    /// As the workload names it.
    pub image: String,
    /// Whether it has a flaw that lets somebody in over the network.
    pub vulnerable: Known,
    /// Why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// How many such flaws.
    pub flaws: u64,
    /// The gravest of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<AttackFlaw>,
}

/// A way from a container to its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackWay {
    /// Which kind: `privileged`.
    pub id: String,
    /// What makes it.
    pub detail: String,
    /// Why it is not known whether it is open; absent where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// How a goal is reached from a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttackBy {
    /// Out of the container to its node.
    Breakout,
    /// By the rights of its service account.
    Identity,
    /// Out of the container to its node, and by the account of another pod there.
    Neighbour,
}

/// Where a route ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackEnd {
    /// What is reached.
    pub goal: Goal,
    /// By what.
    pub by: AttackBy,
    /// Whether every step from the workload on is known to be possible.
    pub sure: bool,
    /// The service account whose rights are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its steps; none for what leads to the node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PathStep>,
}

/// A kind of change that cuts a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutKind {
    /// A binding of the account goes: nothing is restarted.
    Binding,
    /// The pod gives up what leads to its node.
    Privilege,
    /// The image without the flaws.
    Image,
    /// What leads in from outside goes.
    Exposure,
}

impl CutKind {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            CutKind::Binding => "cut the binding",
            CutKind::Privilege => "drop the privilege",
            CutKind::Image => "patch the image",
            CutKind::Exposure => "close the way in",
        }
    }
}

/// A change that cuts a route, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackCut {
    /// Which kind.
    pub kind: CutKind,
    /// Who has to do it.
    pub party: Party,
    /// What.
    pub action: String,
    /// What to type, where that is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The goals that are not surely reached any more, of those that were.
    pub cuts: Vec<Goal>,
    /// What it takes, to compare: a binding 1, a privilege or an image 2, a way in 4.
    pub cost: u32,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// A way from outside over a workload to something that is worth it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackRoute {
    /// The workload that it goes over: `NAMESPACE/KIND/NAME`.
    pub workload: String,
    /// Its pods.
    pub pods: u64,
    /// Whether every part is known: a way in, a flaw, and where it ends.
    pub sure: bool,
    /// The ways in, to the workload or, where it is reached over others, to the first of these.
    pub entries: Vec<Exposure>,
    /// From the workload that is open to this one, over others with flaws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Connection>,
    /// Whether it has a flaw that lets somebody in.
    pub vulnerable: Known,
    /// Its images.
    pub images: Vec<AttackImage>,
    /// Ways to its node.
    pub breakout: Vec<AttackWay>,
    /// The service accounts whose tokens are in its pods: `NAMESPACE/NAME`.
    pub accounts: Vec<String>,
    /// Where it ends, the gravest first.
    pub ends: Vec<AttackEnd>,
    /// The changes with the least cost that leave no end that is surely reached.
    pub cheapest: Vec<AttackCut>,
    /// All other changes that cut something.
    pub others: Vec<AttackCut>,
    /// Who decided to live with it, and why: it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Suppression>,
}

/// Counts of workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackSummary {
    /// All.
    pub workloads: u64,
    /// Their pods.
    pub pods: u64,
    /// Those that are reached from outside.
    pub exposed: u64,
    /// Those of which that is not known.
    pub perhaps_exposed: u64,
    /// Those with a flaw that lets somebody in.
    pub vulnerable: u64,
    /// Those of which that is not known.
    pub not_scanned: u64,
    /// Those with an open way to their node.
    pub breakout: u64,
    /// Those whose account has a path to a goal.
    pub strong: u64,
}

/// Who gets in from outside, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attack {
    /// [`ATTACK_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// Which cluster.
    pub cluster: ClusterInfo,
    /// Met: there is no route. Not met: there is one. Unknown: none is known, but not all is.
    pub verdict: Outcome,
    /// Counts.
    pub summary: AttackSummary,
    /// The routes, the worst first.
    pub routes: Vec<AttackRoute>,
    /// Routes that are not told because there are too many.
    pub left_out: u64,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What could not be seen, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
