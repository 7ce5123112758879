//! Pod uses the network of the node.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "host-network",
    title: "pod uses the network of the node",
    severity: Level::High,
    what: "A pod with `hostNetwork: true`.",
    why: "No network policy holds for it, it can listen to the traffic of the node, and it reaches what listens on the loopback address and the metadata service of the cloud as the node does.",
    fix: "take hostNetwork out",
    references: &[
        ("trivy", "KSV-0009"),
        ("checkov", "CKV_K8S_19"),
        ("kubescape", "C-0041"),
        ("kube-linter", "host-network"),
        ("polaris", "hostNetworkSet"),
        ("CIS Kubernetes", "5.2.4"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostNetwork: true\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  hostNetwork: false\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for pod in scene.pods() {
        if pod.spec.and_then(|spec| at(spec, &["hostNetwork"])).and_then(Value::as_bool) == Some(true) {
            report.at(format!("{}/hostNetwork", pod.pointer), "pod uses the network of the node");
        }
    }
}
