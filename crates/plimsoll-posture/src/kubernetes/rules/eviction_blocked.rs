//! Disruption budget lets no pod go.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "eviction-blocked",
    title: "disruption budget lets no pod go",
    severity: Level::Medium,
    what: "A PodDisruptionBudget with `maxUnavailable: 0`, or `minAvailable: 100%`.",
    why: "Nodes cannot be drained while it holds: patches of the nodes, yours or the provider's, wait for it or end it by force.",
    fix: "let at least one pod be unavailable",
    references: &[("kube-linter", "pdb-max-unavailable"), ("kube-linter", "pdb-min-available")],
    needs: &[],
    bad: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}\n",
    good: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("policy", "PodDisruptionBudget") {
        return;
    }
    let is = |key: &str, number: i64, text: &str| {
        scene
            .at(&["spec", key])
            .is_some_and(|value| value.as_i64() == Some(number) || value.as_str() == Some(text))
    };
    for (key, blocked) in
        [("maxUnavailable", is("maxUnavailable", 0, "0%")), ("minAvailable", is("minAvailable", -1, "100%"))]
    {
        if blocked {
            report.at(scene.pointer(&["spec", key]), "no pod may go, so no node can be drained");
        }
    }
}
