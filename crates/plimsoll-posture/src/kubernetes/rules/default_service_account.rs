//! Pod runs as the default service account.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "default-service-account",
    title: "pod runs as the default service account",
    severity: Level::Low,
    what: "A pod that names no service account, or `default`, and does not switch the token off.",
    why: "All pods of the namespace that name none share it: a right that is given to one of them is given to all.",
    fix: "make a service account for the workload, and name it",
    references: &[
        ("checkov", "CKV_K8S_41"),
        ("kube-linter", "default-service-account"),
        ("CIS Kubernetes", "5.1.5"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        let off = at(spec, &["automountServiceAccountToken"]).and_then(Value::as_bool) == Some(false);
        if !off && pod.service_account().is_none_or(|name| name == "default") {
            report.at(
                format!("{}/serviceAccountName", pod.pointer),
                "it runs as the default account of its namespace",
            );
        }
    }
}
