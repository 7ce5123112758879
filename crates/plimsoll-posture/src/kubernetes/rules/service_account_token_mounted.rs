//! A token for the API is mounted.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-account-token-mounted",
    title: "a token for the API is mounted",
    severity: Level::Medium,
    what: "A pod into which the token of its service account is mounted: neither the pod nor, where it is among the objects, the account says `automountServiceAccountToken: false`.",
    why: "An intruder in the pod talks to the API server with the rights of the account. Most programs never do.",
    fix: "set automountServiceAccountToken to false where the program does not ask the API",
    references: &[
        ("trivy", "KSV-0036"),
        ("checkov", "CKV_K8S_38"),
        ("kubescape", "C-0034"),
        ("polaris", "automountServiceAccountToken"),
        ("CIS Kubernetes", "5.1.6"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  automountServiceAccountToken: false\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        let account = pod.service_account().unwrap_or("default");
        let says = |value: &Value<'_>| at(value, &["automountServiceAccountToken"]).and_then(Value::as_bool);
        let mounted =
            says(spec).or_else(|| says(scene.all.accounts.get(&(scene.object.name.namespace, account))?));
        if mounted != Some(false) {
            report.at(
                format!("{}/automountServiceAccountToken", pod.pointer),
                format!("the token of the account {} is mounted", short(account)),
            );
        }
    }
}
