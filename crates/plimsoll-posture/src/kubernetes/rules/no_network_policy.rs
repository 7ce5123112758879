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
        ("CIS Kubernetes", "5.3.2"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let policies =
        scene.all.network_policies.get(scene.object.name.namespace).map(Vec::as_slice).unwrap_or_default();
    for pod in scene.pods() {
        let Some(spec) = pod.spec else { continue };
        if at(spec, &["hostNetwork"]).and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let ingress = |policy: &Value<'_>| {
            let mut types = texts(at(policy, &["spec", "policyTypes"])).peekable();
            types.peek().is_none() || types.any(|one| one == "Ingress")
        };
        let mut covered = false;
        for policy in policies.iter().filter(|policy| ingress(policy)) {
            let selector = at(policy, &["spec", "podSelector"]);
            let labels = pod.labels.map_or(0, ObjectAsVec::len);
            if !scene.all.may_compare(labels.saturating_mul(selector_size(selector))) {
                return report.undecided(None, TOO_MANY);
            }
            // A selector of a form that is not known may select it.
            covered = selects(selector, &|key| label(pod, key)) != Some(false);
            if covered {
                break;
            }
        }
        if !covered {
            report.at(
                pod.pointer.clone(),
                "no NetworkPolicy among what was looked at is about what may reach it",
            );
        }
    }
}
