//! Role may change admission.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-changes-webhooks",
    title: "role may change admission",
    severity: Level::High,
    what: "A rule that lets create or change admission webhooks or admission policies.",
    why: "Its holder sees every object that is made, secrets among them, changes it, or switches the checks off.",
    fix: "leave it to the people who run the cluster",
    references: &[("CIS Kubernetes", "5.1.12"), ("kubescape", "C-0280"), ("ATT&CK", "T1546")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [admissionregistration.k8s.io]\n  resources: [validatingwebhookconfigurations]\n  verbs: [patch]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && [
                "validatingwebhookconfigurations",
                "mutatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
                "mutatingadmissionpolicies",
            ]
            .iter()
            .any(|kind| {
                grant.allows(
                    &["create", "update", "patch", "delete", "deletecollection"],
                    "admissionregistration.k8s.io",
                    kind,
                )
            })
        {
            report.at(pointer, format!("this {} may change admission", scene.object.name.kind));
        }
    }
}
