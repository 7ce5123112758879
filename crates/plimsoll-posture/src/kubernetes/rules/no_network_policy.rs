//! Pod is reachable by every other.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "no-network-policy",
    title: "pod is reachable by every other",
    severity: Level::Medium,
    what: "A workload that no NetworkPolicy among the objects that are looked at selects for incoming traffic. Pods on the network of the node are not meant: policies do not hold for them.",
    why: "Without one every pod of the cluster may talk to it, the one that was broken into as well.",
    fix: "write a NetworkPolicy that lets in what must come in",
    references: &[
        ("kube-linter", "non-isolated-pod"),
        ("kubescape", "C-0260"),
        ("checkov", "CKV2_K8S_6"),
        ("polaris", "missingNetworkPolicy"),
        ("CIS Kubernetes", "5.3.2"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        match is_covered(scene, pod, "Ingress") {
            Some(true) => {}
            Some(false) => report.at(
                pod.pointer.clone(),
                "no NetworkPolicy among what was looked at is about what may reach it",
            ),
            None => return report.undecided(None, TOO_MANY),
        }
    }
}
