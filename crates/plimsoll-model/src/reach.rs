//! Who reaches whom in a cluster, as it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the form of [`Reach`], [`ReachQuery`] and [`ReachDiff`]: `docs/schema/reach-1.0.json`.
pub const REACH_VERSION: &str = "1.0";

/// Whether something can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It can.
    Allowed,
    /// It cannot.
    Denied,
    /// It could not be decided.
    Unknown,
}

impl Reached {
    /// Of what is surely allowed, and what may be.
    pub fn of(sure: bool, possible: bool) -> Self {
        match (sure, possible) {
            (true, _) => Reached::Allowed,
            (false, true) => Reached::Unknown,
            (false, false) => Reached::Denied,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Reached::Allowed => "allowed",
            Reached::Denied => "denied",
            Reached::Unknown => "unknown",
        }
    }
}

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// Whether any can be reached.
    pub answer: Reached,
    /// Those that are allowed: `all`, `none`, `TCP 80,443; UDP 53`.
    pub allowed: String,
    /// Those of which it could not be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A connection that is allowed, or may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// From `NAMESPACE/KIND/NAME`, or addresses.
    pub from: String,
    /// To.
    pub to: String,
    /// By which ports.
    pub ports: Ports,
}

/// A way into the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// What leads to it, as `NAMESPACE/KIND/NAME`.
    pub workload: String,
    /// What it leads through: `LoadBalancer`, `NodePort`, `Ingress`, `HTTPRoute`, `hostPort`.
    pub by: String,
    /// The object that says so, as `NAMESPACE/NAME`.
    pub object: String,
    /// Host names, where it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Ports of the pods that are reached.
    pub ports: Ports,
    /// What else is to be known: why it is not open, or only to some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// What a workload may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachWorkload {
    /// `NAMESPACE/KIND/NAME`.
    pub name: String,
    /// Pods that are there.
    pub pods: u64,
    /// Whether it is in the network of its node, where policies do not apply.
    pub host_network: bool,
    /// Policies about what comes in.
    pub ingress_policies: u64,
    /// Policies about what goes out.
    pub egress_policies: u64,
    /// Whether it reaches the internet, and by which ports.
    pub internet: Ports,
    /// Whether it reaches the address where clouds tell machines who they are.
    pub metadata: Ports,
    /// Whether it reaches the API server.
    pub api_server: Ports,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachSummary {
    /// Workloads.
    pub workloads: u64,
    /// Pods that are there.
    pub pods: u64,
    /// Namespaces that have workloads.
    pub namespaces: u64,
    /// Network policies of every kind.
    pub policies: u64,
    /// Ordered pairs of different workloads.
    pub pairs: u64,
    /// Pairs with a connection that is allowed.
    pub allowed: u64,
    /// Pairs of which it could not be decided.
    pub unknown: u64,
}

/// Something that is said about a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyNote {
    /// The policy: `NetworkPolicy shop/deny`.
    pub policy: String,
    /// What.
    pub detail: String,
}

/// Who reaches whom in a whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// [`REACH_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// Which cluster.
    pub cluster: ClusterInfo,
    /// Met: everything was decided. Unknown: something was not.
    pub verdict: Outcome,
    /// Counts.
    pub summary: ReachSummary,
    /// Ways in.
    pub exposures: Vec<Exposure>,
    /// Workloads.
    pub workloads: Vec<ReachWorkload>,
    /// Namespaces with workloads that no policy is about.
    pub namespaces_without_policy: Vec<String>,
    /// Whose these are on the platform that was named, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub without_policy_whose: BTreeMap<String, Belongs>,
    /// Policies that are about nothing, or are broken.
    pub policies: Vec<PolicyNote>,
    /// Connections between workloads, and from and to addresses outside.
    pub connections: Vec<Connection>,
    /// Connections that are not listed because there are too many.
    pub connections_left_out: u64,
    /// What is assumed, or not enforced.
    pub notes: Vec<String>,
    /// What could not be seen, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Why one side of a connection is as it is, for some ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachReason {
    /// Ports.
    pub ports: String,
    /// What is said of them.
    pub answer: Reached,
    /// The policy and rule that say it: `NetworkPolicy shop/web, ingress rule 2`. None where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// For people.
    pub detail: String,
}

/// One answer to "does this reach that".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachAnswer {
    /// From and to whom, and by which ports.
    #[serde(flatten)]
    pub connection: Connection,
    /// Why it may go out.
    pub egress: Vec<ReachReason>,
    /// Why it may come in.
    pub ingress: Vec<ReachReason>,
}

/// Answers to "does this reach that".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachQuery {
    /// [`REACH_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// Which cluster.
    pub cluster: ClusterInfo,
    /// From, as it was asked.
    pub from: String,
    /// To, as it was asked.
    pub to: String,
    /// The port that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Met: everything was decided. Unknown: something was not.
    pub verdict: Outcome,
    /// The answers.
    pub answers: Vec<ReachAnswer>,
    /// Pairs that are not told because there are too many.
    pub left_out: u64,
    /// What could not be seen, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A connection that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachChange {
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Before.
    pub before: Ports,
    /// After.
    pub after: Ports,
    /// Ports that came: `none` where none did.
    pub gained: String,
    /// Ports that went.
    pub lost: String,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// Two clusters, or the same at two times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachDiff {
    /// [`REACH_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// What was before.
    pub before: ClusterInfo,
    /// What is after.
    pub after: ClusterInfo,
    /// Met: no connection was gained. Not met: some were. Unknown: something could not be decided.
    pub verdict: Outcome,
    /// Workloads that came.
    pub came: Vec<String>,
    /// Workloads that went.
    pub went: Vec<String>,
    /// Connections that are not what they were.
    pub changes: Vec<ReachChange>,
    /// Changes that are not listed because there are too many.
    pub left_out: u64,
    /// Ways in that came.
    pub exposed: Vec<Exposure>,
    /// Ways in that went.
    pub closed: Vec<Exposure>,
    /// What could not be seen of either, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read of either.
    pub problems: Vec<Problem>,
}
