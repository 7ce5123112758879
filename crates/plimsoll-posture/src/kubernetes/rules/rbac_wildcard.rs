//! Role has a wildcard.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-wildcard",
    title: "role has a wildcard",
    severity: Level::Medium,
    what: "A rule of a role with `*` for verbs or for resources, and not for everything.",
    why: "It grows with every kind and verb that comes: what is granted in a year nobody has decided today.",
    fix: "name the verbs and resources that are needed",
    references: &[
        ("trivy", "KSV-0045"),
        ("trivy", "KSV-0046"),
        ("checkov", "CKV_K8S_49"),
        ("kubescape", "C-0187"),
        ("kube-linter", "wildcard-in-rules"),
        ("CIS Kubernetes", "5.1.3"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [configmaps]\n  verbs: [\"*\"]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if (grant.any_verb() || grant.any_resource())
            && !(grant.any_verb() && grant.any_resource() && grant.any_group())
        {
            report.at(pointer, format!("a rule of this {} has a wildcard", scene.object.name.kind));
        }
    }
}
