//! Pod that nobody starts again.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pod-without-controller",
    title: "pod that nobody starts again",
    severity: Level::Low,
    what: "A Pod on its own, outside of kube-system, that nothing owns.",
    why: "When its node is drained or patched it is gone; so nodes with such pods are patched late.",
    fix: "make it a Deployment, a StatefulSet or a Job",
    references: &[("kubescape", "C-0073")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let owned = !list(scene.at(&["metadata", "ownerReferences"])).is_empty();
    if scene.is("", "Pod") && !owned && scene.object.name.namespace != "kube-system" {
        report.at(scene.pointer(&["metadata", "name"]), "nothing starts it again elsewhere");
    }
}
