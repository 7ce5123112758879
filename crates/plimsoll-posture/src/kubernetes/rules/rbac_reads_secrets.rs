//! Role may read secrets.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-reads-secrets",
    title: "role may read secrets",
    severity: Level::High,
    what: "A rule that lets read secrets (`get`, `list` or `watch`; both of the last give the content too) without naming which. A wildcard for everything is told by another rule.",
    why: "Secrets of a namespace hold the tokens and passwords of everything in it; of the cluster, those of everything.",
    fix: "name the secrets with resourceNames, or take the right out",
    references: &[
        ("trivy", "KSV-0041"),
        ("kubescape", "C-0015"),
        ("kube-linter", "access-to-secrets"),
        ("CIS Kubernetes", "5.1.2"),
        ("ATT&CK", "T1552.007"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [secrets]\n  verbs: [get, list]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if grant.names.is_empty()
            && !grant.is_everything()
            && grant.allows(&["get", "list", "watch"], "", "secrets")
        {
            report.at(pointer, format!("this {} may read all secrets", scene.object.name.kind));
        }
    }
}
