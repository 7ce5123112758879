//! Role may open ways into pods.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-forwards-ports",
    title: "role may open ways into pods",
    severity: Level::Medium,
    what: "A rule that lets `create` (or `get`) `pods/portforward`.",
    why: "Whoever holds it reaches every port of every pod it covers, past network policies.",
    fix: "take the right out; give it for the time of an incident",
    references: &[("kubescape", "C-0063")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods/portforward]\n  verbs: [create]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything() && grant.allows(&["create", "get"], "", "pods/portforward") {
            report.at(pointer, format!("this {} may forward ports into pods", scene.object.name.kind));
        }
    }
}
