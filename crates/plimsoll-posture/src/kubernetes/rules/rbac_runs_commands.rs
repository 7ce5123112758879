//! Role may run commands in pods.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-runs-commands",
    title: "role may run commands in pods",
    severity: Level::High,
    what: "A rule that lets `create` (or `get`, which is enough over WebSocket) `pods/exec`, `pods/attach` or ephemeral containers.",
    why: "Whoever holds it is inside of every pod that it covers, with its secrets and its service account.",
    fix: "take the right out; give it for the time of an incident",
    references: &[
        ("trivy", "KSV-0053"),
        ("trivy", "KSV-0054"),
        ("kubescape", "C-0002"),
        ("polaris", "clusterrolePodExecAttach"),
        ("ATT&CK", "T1609"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods/exec]\n  verbs: [create]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && (grant.allows(&["create", "get"], "", "pods/exec")
                || grant.allows(&["create", "get"], "", "pods/attach")
                || grant.allows(&["update", "patch"], "", "pods/ephemeralcontainers"))
        {
            report.at(pointer, format!("this {} may run commands in pods", scene.object.name.kind));
        }
    }
}
