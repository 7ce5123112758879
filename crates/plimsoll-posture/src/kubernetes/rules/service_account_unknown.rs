//! Service account is not there.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-account-unknown",
    title: "service account is not there",
    severity: Level::Low,
    what: "A pod with a service account other than `default` that is not among the objects, where service accounts of its namespace are.",
    why: "The pods are not started; and whoever may make accounts decides what they will be.",
    fix: "correct the name, or add the ServiceAccount",
    references: &[("kube-linter", "non-existent-service-account")],
    needs: &[],
    bad: "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: wbe\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let namespace = scene.object.name.namespace;
    if !scene.all.has_kind("ServiceAccount", namespace) {
        return;
    }
    for pod in scene.pods() {
        let Some(account) = pod.service_account().filter(|name| *name != "default") else { continue };
        if !scene.all.accounts.contains_key(&(namespace, account)) {
            report.at(
                format!("{}/serviceAccountName", pod.pointer),
                format!("no ServiceAccount {} is among what was looked at", short(account)),
            );
        }
    }
}
