//! What several areas use: our own rules for objects, namespaces of the system, days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::InputKind;
use super::super::evidence::{Answer, Kubernetes, missing};
use super::Scene;
use crate::kubernetes::Object;

/// Namespaces that come with a cluster or that a provider fills.
const SYSTEM: [&str; 18] = [
    "aks-command",
    "amazon-cloudwatch",
    "amazon-guardduty",
    "app-routing-system",
    "calico-apiserver",
    "calico-system",
    "config-management-monitoring",
    "config-management-system",
    "dataplane-v2-system",
    "gatekeeper-system",
    "gmp-public",
    "gmp-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "kube-flannel",
    "resource-group-system",
    "tigera-operator",
];

/// Whether a namespace is the cluster's or the provider's.
pub fn is_system_namespace(name: &str) -> bool {
    SYSTEM.contains(&name) || name.starts_with("gke-managed-") || name.starts_with("gke-gmp-")
}

/// Days from one moment to another, rounded down.
pub(super) fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second()).div_euclid(86_400)
}

/// Kinds that pods come from. The kinds between a Deployment and its pods add nothing.
const WORKLOADS: [(&str, &str); 6] = [
    ("", "Pod"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
];

impl Kubernetes<'_> {
    /// Whether what runs is known: all kinds of a cluster that pods come from, or where files were given, anything with a pod.
    pub(in crate::responsibility) fn workloads(&self) -> Answer<()> {
        for (group, kind) in WORKLOADS {
            self.optional(group, kind)?;
        }
        if self.objects().iter().any(|object| !object.pods.is_empty()) {
            return Ok(());
        }
        self.of("", "Pod").map(drop)
    }
}

/// What an object is about, as rules of this file choose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Everything.
    All,
    /// What is in no system namespace.
    Applications,
    /// What is not brought by the cluster: roles and bindings of the system are left out.
    Rights,
}

/// What our rules with these ids say, a line for each object.
pub(super) fn breaches(kubernetes: &Kubernetes<'_>, ids: &[&str], about: About) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for (object, judged) in kubernetes.judged() {
        let wanted = match about {
            About::All => true,
            About::Applications => !is_system_namespace(object.name.namespace),
            About::Rights => !is_brought(object),
        };
        if !wanted {
            continue;
        }
        if let Some(breach) = judged.breaches.iter().find(|breach| ids.contains(&breach.rule)) {
            let title = crate::registry::find(breach.rule).map_or(breach.rule, |rule| rule.title);
            lines.insert(format!("{}: {title}", object.shown()));
        }
    }
    lines.into_iter().collect()
}

/// The same, where the kinds that they are about were seen whole.
pub(super) fn judged(
    scene: &Scene<'_, '_>,
    kinds: &[(&str, &str)],
    ids: &[&str],
    about: About,
) -> Answer<Vec<String>> {
    let kubernetes = scene.evidence.objects()?;
    let wrong = breaches(kubernetes, ids, about);
    // What is wrong is wrong, whatever else was not seen.
    if wrong.is_empty() {
        for (group, kind) in kinds {
            kubernetes.of(group, kind)?;
        }
    }
    Ok(wrong)
}

/// The same of what runs.
pub(super) fn judged_workloads(scene: &Scene<'_, '_>, ids: &[&str]) -> Answer<Vec<String>> {
    let kubernetes = scene.evidence.objects()?;
    let wrong = breaches(kubernetes, ids, About::Applications);
    if wrong.is_empty() {
        kubernetes.workloads()?;
        let unread = kubernetes.objects().iter().find(|object| !object.unread().is_empty());
        if let Some(object) = unread {
            return Err(missing(
                InputKind::Kubernetes,
                format!("the pods of {}, which could not be read", object.shown()),
            ));
        }
    }
    Ok(wrong)
}

/// Whether a role or binding is one that clusters and providers bring.
pub(super) fn is_brought(object: &Object<'_>) -> bool {
    let labels = crate::kubernetes::at(object.value, &["metadata", "labels"]);
    let label = |key: &str| labels.and_then(|labels| crate::kubernetes::get(labels, key)?.as_str());
    let brought = ["system:", "gce:", "eks:", "aks-", "kubeadm:", "gke-"];
    label("kubernetes.io/bootstrapping") == Some("rbac-defaults")
        || is_system_namespace(object.name.namespace)
        || brought.iter().any(|start| object.name.name.starts_with(start))
        || label("addonmanager.kubernetes.io/mode").is_some()
}

/// Names, a few of them: `a, b and 3 more`.
pub(super) fn few(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| shortened(name)).collect();
    match names.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Workloads of applications that break one of these rules: name and titles of the rules.
pub(in crate::responsibility) fn breaches_of_any(
    kubernetes: &Kubernetes<'_>,
    ids: &[&str],
) -> Vec<(String, Vec<&'static str>)> {
    let mut found: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (object, judged) in kubernetes.judged() {
        if is_system_namespace(object.name.namespace) || is_owned(object.value()) {
            continue;
        }
        for breach in judged.breaches.iter().filter(|breach| ids.contains(&breach.rule)) {
            let title = crate::registry::find(breach.rule).map_or(breach.rule, |rule| rule.title);
            found.entry(object.shown()).or_default().insert(title);
        }
    }
    found.into_iter().map(|(name, titles)| (name, titles.into_iter().collect())).collect()
}

/// Whether another object that was given as well made it: its template is looked at there.
pub(in crate::responsibility) fn is_owned(object: &Value<'_>) -> bool {
    let owners = crate::kubernetes::list(crate::kubernetes::at(object, &["metadata", "ownerReferences"]));
    let kinds = ["ReplicaSet", "Job", "StatefulSet", "DaemonSet", "Deployment", "CronJob"];
    owners.iter().any(|owner| super::text(owner, &["kind"]).is_some_and(|kind| kinds.contains(&kind)))
}
