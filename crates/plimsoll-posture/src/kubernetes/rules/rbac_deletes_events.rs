//! Role may wipe out traces.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-deletes-events",
    title: "role may wipe out traces",
    severity: Level::Low,
    what: "A rule that lets `delete` or `deletecollection` events.",
    why: "Events tell what happened in the cluster; who may delete them hides what he did.",
    fix: "take the verbs out",
    references: &[("kubescape", "C-0031"), ("ATT&CK", "T1070")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [events]\n  verbs: [delete]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        let events = |group| grant.allows(&["delete", "deletecollection"], group, "events");
        if !grant.is_everything() && (events("") || events("events.k8s.io")) {
            report.at(pointer, format!("this {} may delete events", scene.object.name.kind));
        }
    }
}
