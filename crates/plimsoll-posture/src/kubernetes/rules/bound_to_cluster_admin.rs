//! Somebody is made cluster-admin.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "bound-to-cluster-admin",
    title: "somebody is made cluster-admin",
    severity: Level::High,
    what: "A binding to the role `cluster-admin`, outside of what the cluster itself brings.",
    why: "It may do everything, to every namespace and node, and cannot be held back by admission.",
    fix: "bind to a role with the rights that are needed",
    references: &[
        ("trivy", "KSV-0111"),
        ("kubescape", "C-0035"),
        ("kube-linter", "cluster-admin-role-binding"),
        ("polaris", "clusterrolebindingClusterAdmin"),
        ("CIS Kubernetes", "5.1.1"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let role = scene.at(&["roleRef", "name"]).and_then(|value| value.as_str());
    // What the API server makes by itself.
    let own = scene.object.name.name == "cluster-admin";
    if is_binding(scene) && role == Some("cluster-admin") && !own {
        let who = subjects(scene).map(|subject| subject.shown()).collect::<Vec<_>>();
        let who = if who.is_empty() { "nobody yet".to_owned() } else { some(&who) };
        report.at(scene.pointer(&["roleRef", "name"]), format!("cluster-admin is given to {who}"));
    }
}
