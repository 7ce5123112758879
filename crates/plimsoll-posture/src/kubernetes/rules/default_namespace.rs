//! Object stands in the default namespace.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "default-namespace",
    title: "object stands in the default namespace",
    severity: Level::Low,
    what: "A workload whose namespace is `default` by its own word. What names none is left to whoever applies it.",
    why: "Rights, quotas and network policies are given by namespace. In the default one things of all teams end up side by side.",
    fix: "give the workload a namespace of its own",
    references: &[
        ("trivy", "KSV-0110"),
        ("checkov", "CKV_K8S_21"),
        ("kubescape", "C-0061"),
        ("kube-linter", "use-namespace"),
        ("CIS Kubernetes", "5.7.4"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: default\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.object.name.namespace == "default" && !scene.object.pods.is_empty() {
        report.at(scene.pointer(&["metadata", "namespace"]), "it stands in the namespace default");
    }
}
