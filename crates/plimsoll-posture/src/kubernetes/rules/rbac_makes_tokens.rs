//! Role may make tokens of service accounts.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-makes-tokens",
    title: "role may make tokens of service accounts",
    severity: Level::High,
    what: "A rule that lets `create` `serviceaccounts/token`.",
    why: "Its holder becomes every service account that it covers, without a pod and without a trace in one.",
    fix: "name the account with resourceNames, or take the right out",
    references: &[("CIS Kubernetes", "5.1.13"), ("kubescape", "C-0281"), ("ATT&CK", "T1550.001")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [serviceaccounts/token]\n  verbs: [create]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && grant.names.is_empty()
            && grant.allows(&["create"], "", "serviceaccounts/token")
        {
            report.at(
                pointer,
                format!("this {} may make tokens of any service account", scene.object.name.kind),
            );
        }
    }
}
