//! Somebody is made cluster-admin.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "bound-to-cluster-admin",
    title: "somebody is made cluster-admin",
    severity: Level::High,
    what: "A binding to the role `cluster-admin`, or to a role among the objects that may do everything, outside of what the cluster itself brings.",
    why: "It may do everything, to every namespace and node, and cannot be held back by admission.",
    fix: "bind to a role with the rights that are needed",
    references: &[
        ("trivy", "KSV-0111"),
        ("kubescape", "C-0035"),
        ("kube-linter", "cluster-admin-role-binding"),
        ("polaris", "clusterrolebindingClusterAdmin"),
        ("polaris", "rolebindingClusterAdminClusterRole"),
        ("CIS Kubernetes", "5.1.1"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    // What the API server makes by itself.
    let name = scene.object.name.name;
    let marked = scene.at(&["metadata", "labels", "kubernetes.io/bootstrapping"]).is_some();
    if !is_binding(scene) || marked && (name == "cluster-admin" || name.starts_with("system:")) {
        return;
    }
    let role = role_name(scene);
    let kind = scene.at(&["roleRef", "kind"]).and_then(|value| value.as_str()).unwrap_or_default();
    let namespace = if kind == "ClusterRole" { "" } else { scene.object.name.namespace };
    let rules = scene.all.find(kind, namespace, role).and_then(|role| at(role, &["rules"]));
    let everything = kind == "ClusterRole" && role == "cluster-admin"
        || list(rules).iter().map(Grant::of).any(|grant| grant.is_everything());
    if everything {
        let who = subjects(scene).map(|subject| subject.shown()).collect::<Vec<_>>();
        let who = if who.is_empty() { "nobody yet".to_owned() } else { some(&who) };
        report.at(
            scene.pointer(&["roleRef", "name"]),
            format!("{} may do everything, and is given to {who}", short(role)),
        );
    }
}
