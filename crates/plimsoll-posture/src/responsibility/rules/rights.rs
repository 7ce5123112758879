//! Who may do what: subjects that are given a right by a binding, without what the cluster brings.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::evidence::Answer;
use super::support::{is_brought, is_system_namespace};
use super::{Scene, text};
use crate::kubernetes::{at, list, texts};

/// The group of roles and bindings.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// A right: verbs, group, resource.
pub(super) type Right = (&'static [&'static str], &'static str, &'static str);

/// Kind, namespace and name of a role: namespace is empty for a ClusterRole.
type RoleKey<'v> = (&'v str, &'v str);

fn allows(rule: &Value<'_>, (verbs, group, resource): Right) -> bool {
    let has =
        |key: &str, wanted: &[&str]| texts(at(rule, &[key])).any(|one| one == "*" || wanted.contains(&one));
    // Limited to names: not this right as such.
    list(at(rule, &["resourceNames"])).is_empty()
        && has("verbs", verbs)
        && has("apiGroups", &[group])
        && has("resources", &[resource])
}

/// Subjects for people that have one of the rights in a system namespace, or everywhere. Administrators by cluster-admin are
/// left out: they are told of elsewhere.
pub(super) fn in_system_namespaces(scene: &Scene<'_, '_>, rights: &[Right]) -> Answer<Vec<String>> {
    let cluster_roles = scene.kind(RBAC, "ClusterRole")?;
    let cluster_bindings = scene.kind(RBAC, "ClusterRoleBinding")?;
    let kubernetes = scene.evidence.objects()?;
    // Where there is no Role in files, those of system namespaces were not given.
    let roles = kubernetes.of(RBAC, "Role");
    let bindings = kubernetes.of(RBAC, "RoleBinding");
    let mut able: BTreeMap<RoleKey<'_>, bool> = BTreeMap::new();
    for role in cluster_roles.iter().chain(roles.as_deref().unwrap_or_default()) {
        let namespace = text(role, &["metadata", "namespace"]).unwrap_or_default();
        let name = text(role, &["metadata", "name"]).unwrap_or_default();
        let can =
            list(at(role, &["rules"])).iter().any(|rule| rights.iter().any(|right| allows(rule, *right)));
        able.insert((namespace, name), can);
    }
    let mut who = BTreeSet::new();
    for binding in cluster_bindings.iter().chain(bindings.as_deref().unwrap_or_default()) {
        let namespace = text(binding, &["metadata", "namespace"]).unwrap_or_default();
        if !namespace.is_empty() && !is_system_namespace(namespace) {
            continue;
        }
        let role = text(binding, &["roleRef", "name"]).unwrap_or_default();
        let of = if text(binding, &["roleRef", "kind"]) == Some("Role") { namespace } else { "" };
        if role == "cluster-admin" || able.get(&(of, role)) != Some(&true) {
            continue;
        }
        for subject in list(at(binding, &["subjects"])) {
            if let Some(shown) = stranger(subject, namespace) {
                who.insert(format!("{shown}, by {}", shortened(role)));
            }
        }
    }
    if who.is_empty() {
        roles?;
        bindings?;
    }
    Ok(who.into_iter().collect())
}

/// A subject for people, unless it is one of the system.
pub(super) fn stranger(subject: &Value<'_>, binding_namespace: &str) -> Option<String> {
    let name = text(subject, &["name"]).unwrap_or_default();
    let own = match text(subject, &["kind"]) {
        Some("ServiceAccount") => {
            let namespace = text(subject, &["namespace"]).unwrap_or(binding_namespace);
            if is_system_namespace(namespace) {
                return None;
            }
            return Some(format!("service account {}/{}", shortened(namespace), shortened(name)));
        }
        Some("Group") => "group",
        _ => "user",
    };
    // Everybody who signs in is no part of the system.
    let everybody =
        ["system:authenticated", "system:unauthenticated", "system:anonymous", "system:serviceaccounts"];
    let system = ["system:", "eks:", "aks-service", "gcp:", "kubeadm:", "aksService"];
    if !everybody.contains(&name) && system.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    Some(format!("{own} {}", shortened(name)))
}

/// Bindings that the cluster does not bring: the binding and its role.
pub(super) fn own_bindings<'a, 'v>(
    scene: &'a Scene<'_, 'v>,
) -> Answer<Vec<&'a crate::kubernetes::Object<'v>>> {
    scene.kind(RBAC, "ClusterRoleBinding")?;
    let kubernetes = scene.evidence.objects()?;
    kubernetes.optional(RBAC, "RoleBinding")?;
    let is = |kind: &str| ["ClusterRoleBinding", "RoleBinding"].contains(&kind);
    Ok(kubernetes
        .objects()
        .iter()
        .filter(|object| object.name.group == RBAC && is(object.name.kind) && !is_brought(object))
        .collect())
}
