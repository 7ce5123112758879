//! Role may give itself further rights.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-escalates",
    title: "role may give itself further rights",
    severity: Level::High,
    what: "A rule with the verbs `escalate` or `bind` on roles, `impersonate` on users, groups or accounts, or that lets change roles and bindings.",
    why: "With any of them its holder becomes cluster-admin in one step.",
    fix: "take the verb out",
    references: &[
        ("trivy", "KSV-0043"),
        ("trivy", "KSV-0050"),
        ("trivy", "KSV-0051"),
        ("kubescape", "C-0065"),
        ("checkov", "CKV_K8S_158"),
        ("CIS Kubernetes", "5.1.8"),
        ("ATT&CK", "T1098.006"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [rbac.authorization.k8s.io]\n  resources: [clusterroles]\n  verbs: [escalate]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && (["roles", "clusterroles"].iter().any(|kind| grant.allows(&["escalate", "bind"], RBAC, kind))
                || ["rolebindings", "clusterrolebindings"]
                    .iter()
                    .any(|kind| grant.allows(&["create", "update", "patch"], RBAC, kind))
                || ["users", "groups", "serviceaccounts"]
                    .iter()
                    .any(|kind| grant.allows(&["impersonate"], "", kind)))
        {
            report.at(pointer, format!("this {} may give itself further rights", scene.object.name.kind));
        }
    }
}
