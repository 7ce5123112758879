//! Rights are given to a default service account.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "default-account-bound",
    title: "rights are given to a default service account",
    severity: Level::Medium,
    what: "A binding to the service account `default` of a namespace.",
    why: "Every pod of the namespace that names no account has the right, those that come later too.",
    fix: "make a service account for the workload, and bind to that",
    references: &[("kubescape", "C-0189"), ("CIS Kubernetes", "5.1.5")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {kind: ServiceAccount, name: default, namespace: shop}\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if is_binding(scene) {
        for subject in
            subjects(scene).filter(|subject| subject.kind == "ServiceAccount" && subject.name == "default")
        {
            report.at(
                subject.pointer.clone(),
                format!("{} is given {}", subject.shown(), short(role_name(scene))),
            );
        }
    }
}
