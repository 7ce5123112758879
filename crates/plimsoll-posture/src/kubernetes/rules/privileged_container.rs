//! Container is privileged.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "privileged-container",
    title: "container is privileged",
    severity: Level::High,
    what: "A container with `securityContext.privileged: true`.",
    why: "It has all capabilities and all devices of the node and no confinement: whoever breaks into it has the node, and with it every pod on it.",
    fix: "take privileged out, and add the one capability or device that is needed",
    references: &[
        ("trivy", "KSV-0017"),
        ("checkov", "CKV_K8S_16"),
        ("kubescape", "C-0057"),
        ("kube-linter", "privileged-container"),
        ("polaris", "runAsPrivileged"),
        ("CIS Kubernetes", "5.2.1"),
        ("ATT&CK", "T1611"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {privileged: true}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {privileged: false}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        if run.is_true("privileged") {
            report.at(
                run.pointer(&["securityContext", "privileged"]),
                format!("{} is privileged", run.shown()),
            );
        }
    }
}
