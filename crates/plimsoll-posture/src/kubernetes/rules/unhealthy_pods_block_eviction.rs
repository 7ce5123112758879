//! Pods that do not work keep nodes from being drained.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unhealthy-pods-block-eviction",
    title: "pods that do not work keep nodes from being drained",
    severity: Level::Low,
    what: "A PodDisruptionBudget without `unhealthyPodEvictionPolicy`, which is `IfHealthyBudget` then.",
    why: "A pod that never becomes ready counts as gone already, and the budget protects it: the node under it cannot be drained.",
    fix: "set unhealthyPodEvictionPolicy to AlwaysAllow",
    references: &[("kube-linter", "pdb-unhealthy-pod-eviction-policy")],
    needs: &[],
    bad: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, maxUnavailable: 1}\n",
    good: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.is("policy", "PodDisruptionBudget")
        && scene.at(&["spec", "unhealthyPodEvictionPolicy"]).is_none()
    {
        report
            .at(scene.pointer(&["spec", "unhealthyPodEvictionPolicy"]), "it protects pods that do not work");
    }
}
