//! Service is reachable from outside.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-exposed",
    title: "service is reachable from outside",
    severity: Level::Medium,
    what: "A service of type `LoadBalancer` without `loadBalancerSourceRanges` and without an annotation that keeps it internal, or of type `NodePort`.",
    why: "Whatever answers behind it is open to everybody who reaches the address.",
    fix: "limit it with loadBalancerSourceRanges, make it internal, or put a Gateway or Ingress before it",
    references: &[("kube-linter", "exposed-services"), ("kubescape", "C-0256"), ("ATT&CK", "T1133")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n",
    good: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 80}]}\n",
    check: Check::Object(check),
};

/// Annotations that keep a load balancer inside of the network, by provider.
const INTERNAL: [(&str, &str); 6] = [
    ("networking.gke.io/load-balancer-type", "internal"),
    ("cloud.google.com/load-balancer-type", "internal"),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
    ("service.beta.kubernetes.io/aws-load-balancer-internal", "true"),
    ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
    ("service.beta.kubernetes.io/openstack-internal-load-balancer", "true"),
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("", "Service") {
        return;
    }
    let kind = scene.at(&["spec", "type"]).and_then(|value| value.as_str()).unwrap_or_default();
    let internal = INTERNAL.iter().any(|(key, word)| {
        let value = scene.at(&["metadata", "annotations", key]).and_then(|value| value.as_str());
        value.is_some_and(|value| value.eq_ignore_ascii_case(word))
    });
    let ranges: Vec<&str> = texts(scene.at(&["spec", "loadBalancerSourceRanges"])).collect();
    let open = ranges.is_empty() || ranges.iter().any(|range| range.ends_with("/0"));
    if kind == "NodePort" || (kind == "LoadBalancer" && open && !internal) {
        report.at(
            scene.pointer(&["spec", "type"]),
            format!("it is of type {kind}, open to everybody who reaches it"),
        );
    }
}
