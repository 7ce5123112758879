//! Role may approve certificates.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-approves-certificates",
    title: "role may approve certificates",
    severity: Level::High,
    what: "A rule that lets approve certificate signing requests together with signing them, or `update` of `certificatesigningrequests/approval`.",
    why: "Its holder makes a certificate of any user, system:masters aside, that the API server believes until it expires.",
    fix: "leave it to the controllers of the cluster",
    references: &[("CIS Kubernetes", "5.1.11"), ("kubescape", "C-0279"), ("trivy", "KSV-0055")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [certificates.k8s.io]\n  resources: [certificatesigningrequests/approval]\n  verbs: [update]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && grant.allows(
                &["update", "patch"],
                "certificates.k8s.io",
                "certificatesigningrequests/approval",
            )
        {
            report.at(pointer, format!("this {} may approve certificates", scene.object.name.kind));
        }
    }
}
