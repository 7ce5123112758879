//! Who may do what in a cluster, as it is told.

use serde::{Deserialize, Serialize};

use crate::audit::{ClusterInfo, Missing};
use crate::responsibility::Belongs;
use crate::{Outcome, Problem};

/// Version of the form of [`WhoCan`]: `docs/schema/who-can-1.0.json`.
pub const WHO_CAN_VERSION: &str = "1.0";

/// Who asks something of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: String,
    /// Namespace of a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Holder {
    /// For people, and to name it: `ServiceAccount shop/web`, `Group system:masters`.
    pub fn shown(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

/// Where something was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedPlace {
    /// In whichever namespace, or beside them.
    Anywhere,
    /// In one namespace.
    Namespace,
    /// In all namespaces at once.
    Everywhere,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedRight {
    /// The verb.
    pub verb: String,
    /// The resource, or a path that leads to none.
    pub resource: String,
    /// Its group, empty for the core; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// Name of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where.
    pub place: AskedPlace,
    /// The namespace, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl AskedRight {
    /// For people: `get secrets/key in shop`.
    pub fn shown(&self) -> String {
        let mut text = format!("{} {}", self.verb, self.resource);
        if let Some(group) = self.group.as_deref().filter(|group| !group.is_empty() && *group != "*") {
            text.extend([".", group]);
        }
        for part in [&self.name, &self.subresource].into_iter().flatten() {
            text.extend(["/", part]);
        }
        match (self.place, &self.namespace) {
            (AskedPlace::Namespace, Some(namespace)) => text.extend([" in ", namespace]),
            (AskedPlace::Everywhere, _) => text.push_str(" in all namespaces"),
            _ => {}
        }
        text
    }
}

/// One reason why somebody may: a binding, the role that it gives, and the rule of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The namespace that it is about; absent for all of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `RoleBinding shop/web`.
    pub binding: String,
    /// Where the binding stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_source: Option<String>,
    /// `ClusterRole edit`.
    pub role: String,
    /// The role that the rule comes from, where the role that is given gathers those of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_role: Option<String>,
    /// Where the role stands that has the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_source: Option<String>,
    /// Number of the rule in that role, counted from 1; absent where what the role allows is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u64>,
    /// The rule for people, or why it is not known.
    pub detail: String,
    /// Only objects of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Further rules of the role that allow it too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_rules: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Something that runs as a service account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunsAs {
    /// `NAMESPACE/KIND/NAME`.
    pub workload: String,
    /// Pods that are there.
    pub pods: u64,
    /// Whether the account's token is mounted into its pods.
    pub token: bool,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Whether somebody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// Yes.
    Allowed,
    /// A role is given of which it is not known what it allows.
    Unknown,
}

/// Somebody who may, or of whom it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhoMay {
    /// Who.
    pub subject: Holder,
    /// Whether.
    pub answer: May,
    /// Who that is, where it is a group that every cluster has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<String>,
    /// Whether a service account is there; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Why.
    pub grants: Vec<Grant>,
    /// What runs as this service account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<RunsAs>,
    /// How many workloads run as members of this group, where service accounts are its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
    /// Whose it is on the platform that was named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whose: Option<Belongs>,
}

/// A binding that gives nothing, because the role is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dangling {
    /// `RoleBinding shop/web`.
    pub binding: String,
    /// What is wrong.
    pub detail: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Who may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhoCan {
    /// [`WHO_CAN_VERSION`].
    pub schema_version: String,
    /// Version of this program.
    pub plimsoll: String,
    /// Which cluster.
    pub cluster: ClusterInfo,
    /// Met: everybody was found. Unknown: there may be more.
    pub verdict: Outcome,
    /// What was asked.
    pub asked: AskedRight,
    /// Who may, and who perhaps.
    pub subjects: Vec<WhoMay>,
    /// Bindings that give nothing now; whoever makes the role that they name gives it to their subjects.
    pub dangling: Vec<Dangling>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What could not be seen, and what is unknown for it.
    pub missing: Vec<Missing>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
