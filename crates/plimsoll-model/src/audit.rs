//! What is said of everything that runs in a cluster: each image by the same decision as in CI and admission, and what is
//! trusted only because of where it is.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Effect};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the audit's form. The decisions in it have their own.
pub const AUDIT_VERSION: &str = "1.0";

/// Which cluster, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInfo {
    /// Context of the kubeconfig, `in-cluster`, or the file that was read.
    pub name: String,
    /// Version of its API server, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// When its state was taken, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_at: Option<String>,
}

/// A workload that uses an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// Namespace.
    pub namespace: String,
    /// `Deployment`: the highest object that owns the pods, as far as it was read.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where in the pod: `container app`, `init container migrate`.
    pub places: Vec<String>,
    /// How many running pods; none for what is not running now.
    pub pods: u64,
    /// Who looks after it, where that is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// One decision, with all that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditResult {
    /// The decision with its proof: the same document as `plimsoll verify --policy --format json` gives.
    pub decision: Decision,
    /// Who uses the image so.
    pub uses: Vec<Use>,
    /// What to type next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// Objects that a rule says something of: a workload with what it makes, or an object of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleUse {
    /// Namespace; empty for what is in none.
    pub namespace: String,
    /// Kind of the highest object that owns them, as far as it was read.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How many objects.
    pub objects: u64,
    /// Who looks after it, where that is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// What a rule about objects says of some of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleResult {
    /// Kind of the rule: `ValidatingAdmissionPolicy`, `ValidatingPolicy`, the kind of a Gatekeeper constraint.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The binding by which it is in force, where its kind has such.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub binding: Option<String>,
    /// What admission would make of the objects: refuse, warn, or (`allow`) only write down.
    pub effect: Effect,
    /// What it says.
    pub reasons: Vec<String>,
    /// Of which objects.
    pub objects: Vec<RuleUse>,
}

impl RuleResult {
    /// `ValidatingPolicy no-host-path (everywhere)`.
    pub fn title(&self) -> String {
        let binding = self.binding.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        format!("{} {}{binding}", self.kind, self.name)
    }
}

/// How a workload stands to one of the three questions of zero trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Met, not met, or unknown.
    pub answer: Outcome,
    /// Why.
    pub detail: String,
}

/// A workload that is trusted because of where it is, not because of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// Namespace.
    pub namespace: String,
    /// Kind of the workload.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Who looks after it, where that is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// How many running pods.
    pub pods: u64,
    /// Is it known where its images come from?
    pub provenance: Standing,
    /// Has it an identity of its own?
    pub identity: Standing,
    /// Is it reachable only for whom it should be?
    pub network: Standing,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

impl Placed {
    /// All three are met: it is trusted for what it is.
    pub fn is_trusted_for_itself(&self) -> bool {
        self.standings().iter().all(|(_, standing)| standing.answer == Outcome::Met)
    }

    /// The three questions by name.
    pub fn standings(&self) -> [(&'static str, &Standing); 3] {
        [("provenance", &self.provenance), ("identity", &self.identity), ("network", &self.network)]
    }
}

/// Something that could not be read, and what is unknown without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The kind of objects, as rights name it: `networkpolicies.networking.k8s.io`.
    pub resource: String,
    /// Why: the right that is missing, or what went wrong.
    pub reason: String,
    /// What is not known without it.
    pub unknown: String,
    /// Whether the verdict depends on it.
    pub decides: bool,
}

/// Counts of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditSummary {
    /// Workloads.
    pub workloads: u64,
    /// Running pods.
    pub pods: u64,
    /// Images, by name and digest, each counted once under the worst of its decisions.
    pub images: u64,
    /// Refused.
    pub denied: u64,
    /// Not decided.
    pub unknown: u64,
    /// Let in with a warning.
    pub warned: u64,
    /// Let in.
    pub allowed: u64,
    /// Workloads that are trusted because of where they are.
    pub placed: u64,
    /// Rules about objects, of other engines, that objects were held against.
    #[serde(default)]
    pub rules: u64,
    /// Objects that were held against them.
    #[serde(default)]
    pub objects: u64,
    /// Objects that a rule would refuse.
    #[serde(default)]
    pub objects_denied: u64,
    /// Objects of which a rule cannot tell, and none would refuse.
    #[serde(default)]
    pub objects_unknown: u64,
}

/// What is said of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Version of this document's form: `1.0`.
    pub schema_version: String,
    /// Version of the program.
    pub plimsoll: String,
    /// The cluster.
    pub cluster: ClusterInfo,
    /// Met when every image and object is let in and everything was seen; not met when one is refused; else unknown.
    pub verdict: Outcome,
    /// Counts.
    pub summary: AuditSummary,
    /// The decisions, the worst first.
    pub results: Vec<AuditResult>,
    /// What rules about objects say of them, the worst first.
    #[serde(default)]
    pub rules: Vec<RuleResult>,
    /// What is trusted because of where it is, not what it is.
    pub placed: Vec<Placed>,
    /// What could not be read of the cluster.
    pub missing: Vec<Missing>,
    /// What could not be read in objects.
    pub problems: Vec<Problem>,
}

impl Audit {
    /// The verdict that follows from the results and from what is missing.
    pub fn verdict_of(
        results: &[AuditResult],
        rules: &[RuleResult],
        missing: &[Missing],
        problems: &[Problem],
    ) -> Outcome {
        let of_images = results.iter().map(|result| result.decision.effect);
        let worst = of_images.chain(rules.iter().map(|rule| rule.effect)).max().unwrap_or(Effect::Allow);
        let unseen = missing.iter().any(|one| one.decides)
            || problems.iter().any(|problem| problem.effect == crate::Effect::Incomplete);
        match worst {
            Effect::Deny => Outcome::NotMet,
            Effect::Unknown => Outcome::Unknown,
            Effect::Allow | Effect::Warn if unseen => Outcome::Unknown,
            Effect::Allow | Effect::Warn => Outcome::Met,
        }
    }
}
