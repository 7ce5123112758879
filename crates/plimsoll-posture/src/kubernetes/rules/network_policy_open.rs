//! Network policy lets everything in or out.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-open",
    title: "network policy lets everything in or out",
    severity: Level::Medium,
    what: "A NetworkPolicy with a rule without peers and without ports, or with a block of all addresses.",
    why: "It selects pods and then lets everything through: it looks like protection and is none.",
    fix: "name the peers and ports",
    references: &[("trivy", "KSV-0038"), ("kubescape", "C-0260")],
    needs: &[],
    bad: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  podSelector: {}\n  ingress:\n  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]\n",
    good: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  podSelector: {}\n  ingress:\n  - from: [{podSelector: {matchLabels: {app: front}}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("networking.k8s.io", "NetworkPolicy") {
        return;
    }
    for (direction, peers, word) in [("ingress", "from", "in"), ("egress", "to", "out")] {
        for (index, rule) in list(scene.at(&["spec", direction])).iter().enumerate() {
            let peers = list(at(rule, &[peers]));
            let all = peers.iter().any(|peer| {
                let block = at(peer, &["ipBlock"]);
                let range = block.and_then(|block| at(block, &["cidr"])).and_then(|value| value.as_str());
                range.is_some_and(|range| range.ends_with("/0"))
                    && list(block.and_then(|block| at(block, &["except"]))).is_empty()
            });
            let ports = list(at(rule, &["ports"]));
            if ports.is_empty() && (peers.is_empty() || all) {
                report.at(
                    scene.pointer(&["spec", direction, &index.to_string()]),
                    format!("it lets everything {word}"),
                );
            }
        }
    }
}
