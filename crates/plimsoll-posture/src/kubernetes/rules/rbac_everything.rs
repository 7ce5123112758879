//! Role may do everything.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-everything",
    title: "role may do everything",
    severity: Level::High,
    what: "A rule of a role with `*` for verbs, resources and groups.",
    why: "It is cluster-admin by another name, and grows with every kind that is installed.",
    fix: "name the verbs and resources that are needed",
    references: &[
        ("trivy", "KSV-0044"),
        ("checkov", "CKV_K8S_49"),
        ("kubescape", "C-0187"),
        ("kube-linter", "wildcard-in-rules"),
        ("CIS Kubernetes", "5.1.3"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"*\"]\n  resources: [\"*\"]\n  verbs: [\"*\"]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if grant.any_verb() && grant.any_resource() && grant.any_group() {
            report.at(pointer, format!("this {} may do everything", scene.object.name.kind));
        }
    }
}
