//! Role may take over addresses.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-changes-service-status",
    title: "role may take over addresses",
    severity: Level::Medium,
    what: "A rule that lets `update` or `patch` `services/status`.",
    why: "Whoever holds it gives a service the address of somebody else as its load balancer, and gets the traffic (CVE-2020-8554).",
    fix: "take the right out; controllers of load balancers alone need it",
    references: &[("checkov", "CKV2_K8S_4"), ("ATT&CK", "T1557")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [services/status]\n  verbs: [patch]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything() && grant.allows(&["update", "patch"], "", "services/status") {
            report
                .at(pointer, format!("this {} may change the addresses of services", scene.object.name.kind));
        }
    }
}
