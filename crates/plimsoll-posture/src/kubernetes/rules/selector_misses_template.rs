//! Workload does not select its own pods.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "selector-misses-template",
    title: "workload does not select its own pods",
    severity: Level::Medium,
    what: "A Deployment, DaemonSet, StatefulSet, ReplicaSet or DeploymentConfig whose selector does not take the labels of its template.",
    why: "The API server refuses it, or it starts pods without end and never finds them.",
    fix: "give selector and template the same labels",
    references: &[("kube-linter", "mismatching-selector")],
    needs: &[],
    bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: wbe}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n",
    good: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let kinds = ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "DeploymentConfig"];
    let (Some(selector), true) = (scene.at(&["spec", "selector"]), kinds.contains(&scene.object.name.kind))
    else {
        return;
    };
    for pod in scene.pods() {
        let size = selector_size(Some(selector)) + selector.as_object().map_or(0, ObjectAsVec::len);
        if !scene.all.may_compare(size.saturating_mul(pod.labels.map_or(0, ObjectAsVec::len))) {
            return report.undecided(None, TOO_MANY);
        }
        let taken = if scene.object.name.kind == "DeploymentConfig" {
            // Its selector is a map of labels.
            let mut labels = selector.as_object().into_iter().flat_map(ObjectAsVec::iter);
            Some(labels.all(|(key, value)| label(pod, key) == value.as_str()))
        } else {
            selects(Some(selector), &|key| label(pod, key))
        };
        if taken == Some(false) {
            report.at(scene.pointer(&["spec", "selector"]), "it does not take the labels of the template");
        }
    }
}
