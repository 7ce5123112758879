//! Container is run as root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "container-user-root",
    title: "container is run as root",
    severity: Level::High,
    what: "A container that runs as user 0 by `runAsUser`, its own or its pod's, without `runAsNonRoot: true`, which would keep it from starting.",
    why: "Root in the container is one flaw of kernel or runtime away from root on the node.",
    fix: "set runAsUser to a number above 0, or take it out where the image has a user",
    references: &[
        ("trivy", "KSV-0105"),
        ("checkov", "CKV_K8S_40"),
        ("kubescape", "C-0013"),
        ("CIS Kubernetes", "5.2.6"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 0}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 65532}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let non_root = run.security("runAsNonRoot").and_then(Value::as_bool) == Some(true);
        if !non_root && run.security("runAsUser").and_then(Value::as_i64) == Some(0) {
            report
                .at(run.pointer(&["securityContext", "runAsUser"]), format!("{} runs as root", run.shown()));
        }
    }
}
