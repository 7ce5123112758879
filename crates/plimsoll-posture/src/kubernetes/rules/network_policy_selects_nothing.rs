//! Network policy holds for no pod.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-selects-nothing",
    title: "network policy holds for no pod",
    severity: Level::Medium,
    what: "A NetworkPolicy whose selector takes no pod, where workloads of its namespace are among the objects that are looked at.",
    why: "It protects nothing, and whoever wrote it believes that it does.",
    fix: "correct the labels of podSelector",
    references: &[("kube-linter", "dangling-networkpolicy")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: wbe}}, policyTypes: [Ingress]}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("networking.k8s.io", "NetworkPolicy") {
        return;
    }
    let selector = scene.at(&["spec", "podSelector"]);
    let takes = |pod: &Pod<'_>| selects(selector, &|key| label(pod, key));
    match scene.all.takes(scene.object.name.namespace, selector_size(selector), takes) {
        Taken::None => {
            report.at(
                scene.pointer(&["spec", "podSelector"]),
                "no pod among what was looked at has these labels",
            );
        }
        Taken::TooMany => report.undecided(None, TOO_MANY),
        Taken::Some | Taken::NoPods => {}
    }
}
