//! Autoscaler has no room.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "autoscaler-cannot-scale",
    title: "autoscaler has no room",
    severity: Level::Low,
    what: "A HorizontalPodAutoscaler whose `maxReplicas` is not more than its `minReplicas`.",
    why: "Load has nowhere to go: a flood of requests stops the service.",
    fix: "set maxReplicas above minReplicas",
    references: &[("polaris", "hpaMaxAvailability")],
    needs: &[],
    bad: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 4\n  maxReplicas: 4\n",
    good: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  maxReplicas: 4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("autoscaling", "HorizontalPodAutoscaler") {
        return;
    }
    let number = |key: &str| scene.at(&["spec", key]).and_then(Value::as_u64);
    if let Some(most) = number("maxReplicas")
        && most <= number("minReplicas").unwrap_or(1)
    {
        report.at(scene.pointer(&["spec", "maxReplicas"]), "it may not grow above where it begins");
    }
}
