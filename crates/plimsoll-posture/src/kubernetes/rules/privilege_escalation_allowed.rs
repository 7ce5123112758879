//! A process may gain more rights than its parent.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "privilege-escalation-allowed",
    title: "a process may gain more rights than its parent",
    severity: Level::Medium,
    what: "A container without `securityContext.allowPrivilegeEscalation: false`.",
    why: "A program with the setuid bit, or with file capabilities, makes an ordinary process root in the container.",
    fix: "set allowPrivilegeEscalation to false",
    references: &[
        ("trivy", "KSV-0001"),
        ("checkov", "CKV_K8S_20"),
        ("kubescape", "C-0016"),
        ("kube-linter", "privilege-escalation-container"),
        ("polaris", "privilegeEscalationAllowed"),
        ("CIS Kubernetes", "5.2.5"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {allowPrivilegeEscalation: false}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.at(&["securityContext", "allowPrivilegeEscalation"]).and_then(Value::as_bool) != Some(false) {
            report.at(
                run.pointer(&["securityContext", "allowPrivilegeEscalation"]),
                format!("{} may gain more rights than it starts with", run.shown()),
            );
        }
    }
}
