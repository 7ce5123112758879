//! Pod may talk to everybody.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "egress-not-limited",
    title: "pod may talk to everybody",
    severity: Level::Low,
    what: "A workload that no NetworkPolicy among the objects that are looked at selects for outgoing traffic. Pods on the network of the node are not meant: policies do not hold for them.",
    why: "Whoever breaks in loads tools from the internet, carries data out, and asks the metadata address of the cloud for credentials.",
    fix: "write a NetworkPolicy with policyTypes Egress that allows what is needed",
    references: &[
        ("kubescape", "C-0030"),
        ("polaris", "missingNetworkPolicy"),
        ("CIS Kubernetes", "5.3.2"),
        ("ATT&CK", "T1041"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        match is_covered(scene, pod, "Egress") {
            Some(true) => {}
            Some(false) => report.at(
                pod.pointer.clone(),
                "no NetworkPolicy among what was looked at is about what it may reach",
            ),
            None => return report.undecided(None, TOO_MANY),
        }
    }
}
