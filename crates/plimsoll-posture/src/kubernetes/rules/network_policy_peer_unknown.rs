//! Network policy speaks of pods that are not there.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-peer-unknown",
    title: "network policy speaks of pods that are not there",
    severity: Level::Low,
    what: "A `podSelector` without `namespaceSelector` in the rules of a NetworkPolicy that takes no pod of the namespace, among the objects that are looked at.",
    why: "Connections that are meant to be allowed are not, or will be to whoever can make a pod with these labels.",
    fix: "correct the labels of the peer, or take it out",
    references: &[("kube-linter", "dangling-networkpolicypeer-podselector")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels: {app: web}\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("networking.k8s.io", "NetworkPolicy") {
        return;
    }
    for (direction, side) in [("ingress", "from"), ("egress", "to")] {
        for (rule, one) in list(scene.at(&["spec", direction])).iter().enumerate() {
            for (peer, one) in list(at(one, &[side])).iter().enumerate() {
                let Some(selector) = at(one, &["podSelector"]) else { continue };
                if at(one, &["namespaceSelector"]).is_some() {
                    continue;
                }
                let takes = |pod: &Pod<'_>| selects(Some(selector), &|key| label(pod, key));
                match scene.all.takes(scene.object.name.namespace, selector_size(Some(selector)), takes) {
                    Taken::None => report.at(
                        scene.pointer(&[
                            "spec",
                            direction,
                            &rule.to_string(),
                            side,
                            &peer.to_string(),
                            "podSelector",
                        ]),
                        "no pod among what was looked at has these labels",
                    ),
                    Taken::TooMany => return report.undecided(None, TOO_MANY),
                    Taken::Some | Taken::NoPods => {}
                }
            }
        }
    }
}
