//! Role may talk to the kubelet of nodes.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-node-proxy",
    title: "role may talk to the kubelet of nodes",
    severity: Level::High,
    what: "A rule on `nodes/proxy`.",
    why: "The kubelet runs commands in any pod of its node for whoever may use the proxy, and the API server neither checks nor logs them.",
    fix: "take nodes/proxy out; nodes/metrics and nodes/stats are enough to monitor",
    references: &[
        ("trivy", "KSV-0047"),
        ("CIS Kubernetes", "5.1.10"),
        ("kubescape", "C-0262"),
        ("ATT&CK", "T1609"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [nodes/proxy]\n  verbs: [get]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && grant.allows(&["get", "create", "update", "patch", "delete"], "", "nodes/proxy")
        {
            report.at(pointer, format!("this {} may use the proxy to the kubelet", scene.object.name.kind));
        }
    }
}
