//! A secret is given as an environment variable.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-as-environment",
    title: "a secret is given as an environment variable",
    severity: Level::Low,
    what: "A container that takes a Secret into its environment (`secretKeyRef`, `envFrom`).",
    why: "Environments are inherited by every child process, printed by crash reports and shown by debug pages. A mounted file is not, and follows when the secret changes.",
    fix: "mount the secret as a file",
    references: &[
        ("checkov", "CKV_K8S_35"),
        ("kubescape", "C-0207"),
        ("kube-linter", "read-secret-from-env-var"),
        ("CIS Kubernetes", "5.4.1"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  volumes: [{name: db, secret: {secretName: db}}]\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    volumeMounts: [{name: db, mountPath: /run/secrets/db}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        for (list_name, path) in
            [("env", &["valueFrom", "secretKeyRef", "name"][..]), ("envFrom", &["secretRef", "name"][..])]
        {
            for (index, entry) in list(run.at(&[list_name])).iter().enumerate() {
                if let Some(secret) = at(entry, path).and_then(|value| value.as_str()) {
                    report.at(
                        run.pointer(&[list_name, &index.to_string()]),
                        format!("{} takes the secret {} into its environment", run.shown(), short(secret)),
                    );
                }
            }
        }
    }
}
