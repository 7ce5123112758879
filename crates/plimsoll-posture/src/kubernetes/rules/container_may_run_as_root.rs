//! Container may run as root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "container-may-run-as-root",
    title: "container may run as root",
    severity: Level::Medium,
    what: "A container for which neither it nor its pod says `runAsNonRoot: true` or a user other than 0.",
    why: "The image decides then, and most images say nothing, which is root. Root in the container is one flaw away from root on the node.",
    fix: "set runAsNonRoot to true, and a user in the image",
    references: &[
        ("trivy", "KSV-0012"),
        ("checkov", "CKV_K8S_23"),
        ("kubescape", "C-0013"),
        ("polaris", "runAsRootAllowed"),
        ("CIS Kubernetes", "5.2.6"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsNonRoot: true}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let non_root = run.security("runAsNonRoot").and_then(Value::as_bool) == Some(true);
        let user = run.security("runAsUser").and_then(Value::as_i64);
        // A user of 0 is told by another rule.
        if !non_root && user.is_none() {
            report.at(
                run.pointer(&["securityContext"]),
                format!("{} may run as root: the image decides", run.shown()),
            );
        }
    }
}
