//! Autoscaler scales nothing.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "autoscaler-without-target",
    title: "autoscaler scales nothing",
    severity: Level::Low,
    what: "A HorizontalPodAutoscaler whose target is not there, where workloads of its namespace are among the objects that are looked at.",
    why: "Nothing grows under load; often the name was mistyped.",
    fix: "correct the name in scaleTargetRef, or take the autoscaler out",
    references: &[("kube-linter", "dangling-horizontalpodautoscaler")],
    needs: &[],
    bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wbe}\n  minReplicas: 2\n  maxReplicas: 4\n",
    good: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  maxReplicas: 4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let namespace = scene.object.name.namespace;
    let text = |key: &str| scene.at(&["spec", "scaleTargetRef", key]).and_then(|value| value.as_str());
    if !scene.is("autoscaling", "HorizontalPodAutoscaler") || scene.all.pods_of(namespace).next().is_none() {
        return;
    }
    if let (Some(kind), Some(name)) = (text("kind"), text("name"))
        && scene.all.find(kind, namespace, name).is_none()
    {
        report.at(
            scene.pointer(&["spec", "scaleTargetRef", "name"]),
            format!("no {} {} is among what was looked at", short(kind), short(name)),
        );
    }
}
