//! A secret stands in the manifest.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-in-environment-value",
    title: "a secret stands in the manifest",
    severity: Level::High,
    what: "An environment variable whose name says that it is a secret (PASSWORD, TOKEN, SECRET, API_KEY ...) with its value written out, or a value in the form of a known credential.",
    why: "The manifest lies in version control, in the API and in every copy of both, readable by all who may read the workload.",
    fix: "put it into a Secret and refer to it by valueFrom.secretKeyRef, or mount it",
    references: &[
        ("kubescape", "C-0012"),
        ("kube-linter", "env-var-secret"),
        ("polaris", "sensitiveContainerEnvVar"),
        ("trivy", "KSV-0109"),
        ("CIS Kubernetes", "5.4.1"),
        ("ATT&CK", "T1552"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    env: [{name: DB_PASSWORD, value: hunter22}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (index, variable) in list(run.at(&["env"])).iter().enumerate() {
            let text = |key: &str| at(variable, &[key]).and_then(|value| value.as_str()).unwrap_or_default();
            let (name, value) = (text("name"), text("value"));
            if is_secret(name, value) {
                report.at(
                    run.pointer(&["env", &index.to_string(), "value"]),
                    format!("{} is given {} in plain text", run.shown(), short(name)),
                );
            }
        }
    }
}
